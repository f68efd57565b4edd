import { createHash } from 'node:crypto';
import { acceptedRequestSchema, type Priority } from '@musicgen/contract';
import type { JsonObject } from '../task-record.ts';
import { UnfitTask } from './migrated-task.ts';
import { isObject, numberOf, present } from './older-values.ts';

/** Fields of a request that mean the same in the older service and here. A model is not among them: its names are not ours. */
const sharedFields = [
  'prompt',
  'duration',
  'seed',
  'temperature',
  'top_k',
  'top_p',
  'guidance_scale',
  'negative_prompt',
  'format',
] as const;
const numbers: readonly string[] = ['duration', 'seed', 'temperature', 'top_k', 'top_p', 'guidance_scale'];

export interface OlderRequest {
  /** As the older service stored it. */
  request: JsonObject;
  id: string;
  priority: Priority;
  ttlSeconds: number;
  /** The task's own metadata, and what of the task has no place here. */
  metadata: JsonObject;
  remainder: JsonObject;
}

/**
 * A request of the older service as ours. What we have no field for stands in `metadata`, as text. A seed is derived from
 * the id where none was given, so that the same task always becomes the same.
 * @throws UnfitTask `unreadable_request`, `beyond_limits` naming the field and what is allowed.
 */
export function requestFromOlder({ request, id, priority, ttlSeconds, ...more }: OlderRequest): JsonObject {
  const given = Object.entries(request).filter(([, value]) => present(value) !== undefined);
  const fields = new Map(given);
  if (!fields.has('prompt')) throw new UnfitTask('unreadable_request', 'Its request has no prompt');
  const known = given
    .filter(([name]) => isShared(name))
    .map(([name, value]) => [name, numbers.includes(name) ? (numberOf(value) ?? value) : value]);
  const unknown = given.filter(([name]) => !isShared(name) && name !== 'metadata' && name !== 'priority');
  const own = fields.get('metadata');
  const metadata = mergeMetadata([
    ['', more.metadata],
    ['request.', isObject(own) ? own : {}],
    ['request.', Object.fromEntries(unknown)],
    ['task.', more.remainder],
  ]);
  const { data, error } = acceptedRequestSchema.safeParse({
    seed: seedOf(id),
    ...Object.fromEntries(known),
    priority,
    ttl: Math.min(604_800, Math.max(60, Math.round(ttlSeconds))),
    ...(metadata.size > 0 && { metadata: Object.fromEntries(metadata) }),
  });
  if (data !== undefined) return data;
  const problems = error.issues.map(({ path, message }) => `request.${path.join('.')}: ${message}`);
  throw new UnfitTask('beyond_limits', problems.join('; '));
}

function isShared(name: string): boolean {
  return (sharedFields as readonly string[]).includes(name);
}

/** The first of several entries of one name keeps it; a later one gets a name that says where it stood. */
function mergeMetadata(parts: [origin: string, entries: JsonObject][]): Map<string, string> {
  const merged = new Map<string, string>();
  const entries = parts.flatMap(([origin, part]) =>
    Object.entries(part).map((entry) => [origin, ...entry] as const),
  );
  for (const [origin, name, value] of entries) {
    if (present(value) === undefined) continue;
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    if (merged.get(name) !== text) merged.set(merged.has(name) ? `${origin}${name}` : name, text);
  }
  return merged;
}

function seedOf(id: string): number {
  return createHash('sha256').update(id).digest().readUInt32BE(0);
}
