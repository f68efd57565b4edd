import { ServiceError } from '@musicgen/contract';
import { z } from 'zod';
import { type Outcome, type Patience, parseRetryAfter, tryPatiently } from './patience.ts';

export interface Hub {
  /** `https://huggingface.co`, or a mirror of it. */
  endpoint: string;
  /** Sent to the endpoint only: a redirect to another host does not get it. */
  token?: string;
  patience: Patience;
}

/** A file of a repository, as the hub describes it. */
export interface RemoteFile {
  path: string;
  bytes: number;
  /** One of the two: the hub knows the SHA-256 of large files, and of small ones the id that git gives them. */
  checksum: { kind: 'sha256' | 'git'; hex: string };
}

export interface RemoteRepository {
  /** `facebook/musicgen-small`. */
  name: string;
  /** The commit that the revision stood for: later requests name it, so that all files fit together. */
  commit: string;
  files: RemoteFile[];
  /** As the hub writes it: `cc-by-nc-4.0`. */
  licence?: string;
}

const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));

/** The parts we read of `GET /api/models/{name}/revision/{revision}?blobs=true`. */
const repositorySchema = z.object({
  sha: hex(40),
  cardData: z.object({ license: z.unknown() }).nullish(),
  tags: z.array(z.string()).default([]),
  siblings: z.array(
    z.object({
      rfilename: z.string(),
      size: z.int().min(0),
      blobId: hex(40),
      lfs: z.object({ sha256: hex(64), size: z.int().min(0) }).nullish(),
    }),
  ),
});

const repositoryName = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;
const loopbackHosts = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Asks the hub what a repository holds.
 * @throws ServiceError `model_not_found` for an unknown repository or revision, `invalid_request` for a name that
 * cannot be one, `download_failed`
 */
export async function describeRepository(
  hub: Hub,
  { name, revision, signal }: { name: string; revision: string; signal?: AbortSignal },
): Promise<RemoteRepository> {
  if (!repositoryName.test(name)) {
    throw new ServiceError(
      'invalid_request',
      `"${name}" is no repository; one looks like facebook/musicgen-small`,
    );
  }
  refuseOpenToken(hub);
  const what = `The list of files of ${name}`;
  const path = `api/models/${name}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const body = await tryPatiently(() => getJson(hub, path, { what: name, signal }), {
    patience: hub.patience,
    signal,
    what,
  });
  const parsed = repositorySchema.safeParse(body);
  if (!parsed.success) {
    const detail = `${what} is not what a hub answers (${z.prettifyError(parsed.error).split('\n')[0]})`;
    throw new ServiceError('download_failed', detail, { cause: parsed.error });
  }
  const { sha, siblings, cardData, tags } = parsed.data;
  return { name, commit: sha, files: siblings.map(toRemoteFile), licence: readLicence(cardData, tags) };
}

/** Where a file of the repository can be read. */
export function fileAddress({ name, commit }: RemoteRepository, path: string): string {
  return `${name}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
}

/**
 * One GET. What may go better later is an interruption, what will not is thrown; 200, 206 and 416 are for the caller.
 * @throws ServiceError `model_not_found`, `download_failed`
 */
export async function get(
  hub: Hub,
  path: string,
  { what, headers, signal }: { what: string; headers?: Record<string, string>; signal?: AbortSignal },
): Promise<Outcome<Response>> {
  const url = new URL(path, hub.endpoint.replace(/\/*$/, '/'));
  // fetch drops `Authorization` when a redirect leads to another origin, as the hub's do for large files.
  const authorization = hub.token === undefined ? undefined : { Authorization: `Bearer ${hub.token}` };
  try {
    const response = await fetch(url, { headers: { ...headers, ...authorization }, signal });
    if ([200, 206, 416].includes(response.status)) return { value: response };
    await response.body?.cancel();
    return refusal(hub, response, what);
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    return { interrupted: reasonOf(error) };
  }
}

async function getJson(
  hub: Hub,
  path: string,
  request: { what: string; signal?: AbortSignal },
): Promise<Outcome<unknown>> {
  const timeout = AbortSignal.timeout(hub.patience.idleMs);
  const signal = request.signal === undefined ? timeout : AbortSignal.any([request.signal, timeout]);
  const outcome = await get(hub, path, { ...request, signal });
  if ('interrupted' in outcome) return outcome;
  try {
    return { value: await outcome.value.json() };
  } catch (error) {
    return { interrupted: reasonOf(error) };
  }
}

/** Statuses that a later attempt may not meet again: too early, too many, and the server's own troubles. */
function isPassing(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

function refusal(hub: Hub, { status, headers, url }: Response, what: string): Outcome<Response> {
  const { host } = new URL(url);
  if (isPassing(status)) {
    return {
      interrupted: `${host} answered ${status}`,
      retryAfterMs: parseRetryAfter(headers.get('retry-after')),
    };
  }
  if (status === 404) throw new ServiceError('model_not_found', `${host} knows no ${what}`);
  if (status === 401 || status === 403) {
    // The hub says 401 for what does not exist, too, so that nobody learns the names of private repositories.
    const advice =
      hub.token === undefined
        ? 'it does not exist, or needs a token in HF_TOKEN'
        : 'it does not exist, or the token in HF_TOKEN may not read it (its terms may have to be accepted first)';
    throw new ServiceError('download_failed', `${host} refused ${what} with ${status}: ${advice}`);
  }
  throw new ServiceError('download_failed', `${host} answered ${status} for ${what}`);
}

/** A token must not cross a network in the clear. */
function refuseOpenToken({ endpoint, token }: Hub): void {
  const { protocol, hostname } = new URL(endpoint);
  if (token === undefined || protocol === 'https:' || loopbackHosts.has(hostname)) return;
  throw new ServiceError(
    'invalid_request',
    `HF_TOKEN is only sent over https, and HF_ENDPOINT is ${endpoint}`,
  );
}

function toRemoteFile({
  rfilename,
  size,
  blobId,
  lfs,
}: z.infer<typeof repositorySchema>['siblings'][number]) {
  return {
    path: rfilename,
    bytes: lfs?.size ?? size,
    checksum: lfs ? { kind: 'sha256', hex: lfs.sha256 } : { kind: 'git', hex: blobId },
  } satisfies RemoteFile;
}

function readLicence(card: { license: unknown } | null | undefined, tags: string[]): string | undefined {
  if (typeof card?.license === 'string') return card.license;
  return tags.find((tag) => tag.startsWith('license:'))?.slice('license:'.length);
}

/** fetch says `fetch failed` and keeps the reason in the cause. */
export function reasonOf(error: unknown): string {
  const { cause, message, name } = error as Error;
  if (name === 'TimeoutError') return 'no answer came';
  return cause instanceof Error ? cause.message : message;
}
