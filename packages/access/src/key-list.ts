import { callerNamePattern, type Scope, scopes } from '@musicgen/contract';
import type { Caller, CallerLimits } from './caller.ts';

/** A key that the environment or a file names. */
export interface ConfiguredKey extends Caller {
  /** SHA-256 of the key. */
  hash: Buffer;
}

const limitNames: Record<string, keyof CallerLimits> = {
  rate: 'requestsPerMinute',
  tasks: 'concurrentTasks',
  seconds: 'secondsPerDay',
};

/**
 * Reads keys from a text: entries `name:scopes:sha256` separated by white space, scopes joined by `+`, optionally with
 * limits of their own behind (`:rate=600,tasks=20,seconds=36000`). A `#` begins a comment that lasts to the end of its
 * line.
 * @throws RangeError saying which entry is wrong and what is allowed, without repeating what may be a secret.
 */
export function parseKeyList(text: string): ConfiguredKey[] {
  const entries = text.replaceAll(/#.*$/gm, ' ').split(/\s+/).filter(Boolean);
  const keys = entries.map((entry, index) => parseEntry(entry, `Entry ${index + 1}`));
  const hashes = new Set(keys.map(({ hash }) => hash.toString('hex')));
  if (hashes.size < keys.length) throw new RangeError('Two entries have the same key');
  return keys;
}

function parseEntry(entry: string, where: string): ConfiguredKey {
  const [name = '', scopeList = '', hash = '', limits = '', ...rest] = entry.split(':');
  if (rest.length > 0) throw new RangeError(`${where} has too many parts; it is name:scopes:sha256[:limits]`);
  if (!callerNamePattern.test(name)) {
    throw new RangeError(`${where} must begin with a name of up to 64 letters, digits, _ or -`);
  }
  if (!/^[\da-f]{64}$/i.test(hash)) {
    throw new RangeError(`${where} (${name}) must have the SHA-256 of its key as 64 hex digits, not the key`);
  }
  return {
    name,
    scopes: scopeList.split('+').map((scope) => parseScope(scope, `${where} (${name})`)),
    hash: Buffer.from(hash, 'hex'),
    limits: parseLimits(limits, `${where} (${name})`),
  };
}

function parseScope(text: string, where: string): Scope {
  const scope = scopes.find((known) => known === text);
  if (scope !== undefined) return scope;
  throw new RangeError(`${where} has a scope that is none of ${scopes.join(', ')}, joined by +`);
}

function parseLimits(text: string, where: string): CallerLimits {
  const limits: CallerLimits = {};
  for (const part of text.split(',').filter(Boolean)) {
    const [, word = '', digits] = /^([a-z]+)=(\d{1,9})$/.exec(part) ?? [];
    const name = limitNames[word];
    if (name === undefined) {
      throw new RangeError(`${where} has a limit that is none of rate=N, tasks=N, seconds=N`);
    }
    limits[name] = Number(digits);
  }
  return limits;
}
