import { ServiceError } from '@musicgen/contract';
import { parseRedisUrl } from '@musicgen/service';

/** Where tasks are, as `--source` or `--target` names it. */
export type Place =
  | { kind: 'redis'; url: string; shown: string }
  /** A process of ours, by its HTTP address. */
  | { kind: 'process'; url: string; shown: string }
  | { kind: 'file'; path: string; shown: string };

export const placeHelp = `
Places:
  redis://host[:port][/db]              older basic Redis, or ours with USE_ADVANCED_REDIS=false
  redis-advanced://host[:port][/db]     older advanced Redis, or ours; the only kind of target
  memory://host:port                    a running process of ours without Redis, through its export; https://… over TLS
  file:tasks.ndjson                     an export, or records of the older service as JSON, one a line
  rediss:// and rediss-advanced:// are the same over TLS; redis-sentinel:// and redis-cluster:// as in REDIS_URL.
  A password stands in the address, user:password@host; in MIGRATE_SOURCE or MIGRATE_TARGET nobody sees it in a list of processes.`;

const sources = 'redis://, redis-advanced://, memory:// or file:';

/** @throws ServiceError `invalid_request` naming what a source may be. */
export function parseSource(text: string, resolvePath: (path: string) => string): Place {
  if (text.startsWith('file:')) {
    const path = text.slice('file:'.length).replace(/^\/\/(?=\/)/, '');
    if (path === '') throw invalid('--source', text, 'needs a path behind file:');
    return { kind: 'file', path: resolvePath(path), shown: text };
  }
  if (/^(memory|https?):/.test(text)) return parseProcess(text);
  const place = parseRedis(text);
  if (place === undefined) throw invalid('--source', text, `must be ${sources}`);
  return place;
}

/** @throws ServiceError `invalid_request` naming what a target may be. */
export function parseTarget(text: string): Extract<Place, { kind: 'redis' }> {
  const place = /^rediss?:/.test(text) ? undefined : parseRedis(text);
  if (place === undefined) throw invalid('--target', text, 'must be redis-advanced://host[:port][/db]');
  return place;
}

function parseRedis(text: string): Extract<Place, { kind: 'redis' }> | undefined {
  const url = text.replace(/^(rediss?)-advanced:/, '$1:');
  const isKnown = parseRedisUrl(url) !== undefined;
  return isKnown ? { kind: 'redis', url, shown: withoutSecrets(text) } : undefined;
}

function parseProcess(text: string): Place {
  const url = text.replace(/^memory:/, 'http:');
  if (!URL.canParse(url) || new URL(url).hostname === '')
    throw invalid('--source', text, 'must name a host and a port');
  return { kind: 'process', url, shown: withoutSecrets(text) };
}

/** User and password stand before the last @; what comes behind a question mark may be a password, too. */
export function withoutSecrets(text: string): string {
  return text.replace(/:\/\/.*@/, '://').replace(/\?.*$/, '');
}

function invalid(option: string, text: string, problem: string): ServiceError {
  return new ServiceError('invalid_request', `${option} ${withoutSecrets(text)}: ${problem}`);
}
