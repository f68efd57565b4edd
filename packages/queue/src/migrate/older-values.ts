import { createHash } from 'node:crypto';
import type { JsonObject } from '../task-record.ts';
import { UnfitTask } from './migrated-task.ts';
import { parsePythonLiteral } from './python-literal.ts';

/** The index of tasks has room for times from 1970 to 2109 (`task-list.ts`). */
const latestTime = 2 ** 42;

/** What is made of ids that are no UUID: a name space of our own, drawn once (RFC 9562, 5.5). */
const idNamespace = Buffer.from('5f0c7bb2f1a44c0d9a3c2f6f1f4e7d10', 'hex');

/** What the API takes for a task id (RFC 9562, versions 1 to 8). */
const uuidPattern = /^[\da-f]{8}-[\da-f]{4}-[1-8][\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/i;

/** Text of bytes. @throws UnfitTask `not_utf8`. */
export function textOf(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new UnfitTask('not_utf8', `${what} is not UTF-8 text`, { cause: error });
  }
}

/** A name of bytes that need not be text, for people: on one line, and short. */
export function printableName(name: Uint8Array): string {
  const text = Buffer.from(name).toString('utf8');
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffd]/gu, '?').slice(0, 200);
}

/** The task id that takes the place of one which is no UUID: the same for the same, as version 5 of RFC 9562 makes it. */
export function uuidOf(id: string): string {
  if (uuidPattern.test(id)) return id.toLowerCase();
  const hash = createHash('sha1').update(idNamespace).update(id).digest().subarray(0, 16);
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  return hash.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** What the older service writes where it has nothing: in a hash, also as text. */
export function present(value: unknown): unknown {
  const isNothing = value === null || value === '' || value === 'None' || value === 'null';
  return isNothing ? undefined : value;
}

/** A nested value: itself, or what its text holds as JSON or as Python's `repr`; text that is neither stays text. */
export function nested(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return present(JSON.parse(value));
  } catch {
    try {
      return present(parsePythonLiteral(value));
    } catch {
      return value;
    }
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A number, or the text of one. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'string' && value.trim() === '') return undefined;
  const number = typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}

/** `HIGH` of `HIGH`, of `TaskPriority.HIGH` and of `<TaskPriority.HIGH: 10>`, as Python shows members of enumerations. */
export function memberName(value: unknown): string {
  const text = String(value).trim();
  return /^<?\w+\.(\w+)(: .*>)?$/.exec(text)?.[1] ?? text;
}

/**
 * A time in Unix milliseconds, with parts of them where the source has microseconds: ISO 8601, which without a zone is
 * UTC, or Unix seconds. Undefined for what is no time.
 */
export function timeOf(value: unknown): number | undefined {
  const seconds = numberOf(value);
  const time = seconds === undefined ? isoTime(String(value ?? '')) : seconds * 1000;
  return time !== undefined && time > 0 && time < latestTime ? time : undefined;
}

const isoPattern = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?$/;

function isoTime(text: string): number | undefined {
  const [, date, minute, second = ':00', fraction = '', zone = 'Z'] = isoPattern.exec(text.trim()) ?? [];
  if (date === undefined) return undefined;
  const time = Date.parse(`${date}T${minute}${second}${zone}`);
  return Number.isNaN(time) ? undefined : time + Number(`0${fraction}`) * 1000;
}
