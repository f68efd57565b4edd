import type { Task, WebhookEvent } from '@musicgen/contract';

/** What the service sends: the event, when it happened, and the task as it was then. */
export interface WebhookMessage {
  /** The same for every attempt at one delivery: keep it, and do each only once. */
  id: string;
  type: WebhookEvent;
  timestamp: string;
  data: Task;
}

export interface WebhookRequest {
  /** A `Headers`, or an object as Node's `req.headers`. */
  headers: Headers | Record<string, string | string[] | undefined>;
  /** Exactly what was sent: JSON that was parsed and written again has another signature. */
  body: string | Uint8Array<ArrayBuffer>;
}

export interface VerifyOptions {
  /** `whsec_…`; several while one replaces another. */
  secret: string | readonly string[];
  /** How old a message, or how wrong a clock, may be; 300 when absent. */
  toleranceSeconds?: number;
}

/** The message is not from the service, or not new: answer 401. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError';
}

/**
 * Checks that a webhook was signed with the secret, by Standard Webhooks, and returns what it says. Compares in constant
 * time, and needs only WebCrypto: it runs in Node and at the edge.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 * @throws WebhookError
 */
export async function verifyWebhook(
  { headers, body }: WebhookRequest,
  { secret, toleranceSeconds = 300 }: VerifyOptions,
): Promise<WebhookMessage> {
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
    headerOf(headers, name),
  ) as [string, string, string];
  const age = Math.abs(Date.now() / 1000 - Number(timestamp));
  if (!/^\d+$/.test(timestamp) || age > toleranceSeconds)
    throw new WebhookError('The webhook is too old, or the clocks differ.');
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const signed = await new Blob([`${id}.${timestamp}.`, bytes]).arrayBuffer();
  const secrets = typeof secret === 'string' ? [secret] : secret;
  if (!(await isSigned(signed, signatures, secrets)))
    throw new WebhookError('The webhook is not signed with this secret.');
  return { ...JSON.parse(new TextDecoder().decode(bytes)), id };
}

/** Whether any of the signatures was made with any of the secrets. */
async function isSigned(signed: ArrayBuffer, signatures: string, secrets: readonly string[]) {
  const given = signatures.split(' ').flatMap((signature) => {
    const [version, text = ''] = signature.split(',');
    const bytes = version === 'v1' ? bytesOfBase64(text) : undefined;
    return bytes ? [bytes] : [];
  });
  const keys = await Promise.all(secrets.map(keyOf));
  const pairs = keys.flatMap((key) => given.map((signature) => [key, signature] as const));
  const verdicts = await Promise.all(
    pairs.map(([key, signature]) => crypto.subtle.verify('HMAC', key, signature, signed)),
  );
  return verdicts.includes(true);
}

function keyOf(secret: string): Promise<CryptoKey> {
  const bytes = bytesOfBase64(secret.replace(/^whsec_/, ''));
  if (bytes === undefined || bytes.length < 24)
    throw new TypeError('The secret must be whsec_ and the base64 of at least 24 bytes.');
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
}

function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    // Not base64.
    return undefined;
  }
}

function headerOf(headers: WebhookRequest['headers'], name: string): string {
  const value = headers instanceof Headers ? headers.get(name) : headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? '';
}
