import { isDeepStrictEqual } from 'node:util';
import { isTerminal } from '@musicgen/contract';
import type { TaskRecord } from '../task-record.ts';
import type { MigratedTask } from './migrated-task.ts';

/** Between two readings of how long a key still lives, each by another server's clock. */
const clocksDifferMs = 10_000;

/** What never changes about a task, whatever becomes of it. */
const lasting = ['createdAt', 'request', 'owner', 'batchId', 'batchIndex', 'requestId', 'cost'] as const;
/** What stays as it is once a task is finished. */
const final = [
  'status',
  'priority',
  'result',
  'error',
  'attempt',
  'maxAttempts',
  'stalls',
  'startedAt',
  'finishedAt',
  'progress',
  'worker',
] as const;

/**
 * The fields in which a task of the target is not what its source says. A task that waited may have been taken, changed
 * or finished in the meantime: then only what never changes is compared.
 */
export function differences({ task: expected, livesAnew }: MigratedTask, actual: TaskRecord): string[] {
  const differing = (fields: readonly (keyof TaskRecord)[]) =>
    fields.filter((field) => !isDeepStrictEqual(expected[field], actual[field]));
  if (isTerminal(expected.status)) {
    const life = livesAnew || isNear(expected.expiresAt, actual.expiresAt) ? [] : ['expiresAt'];
    return [...differing([...lasting, ...final]), ...life];
  }
  const isUntouched = actual.status === 'pending' && actual.updatedAt === expected.updatedAt;
  if (!isUntouched) return [...differing(lasting), ...(actual.attempt < expected.attempt ? ['attempt'] : [])];
  const life = livesAnew || isNear(expected.expiresAt, actual.expiresAt) ? [] : ['expiresAt'];
  return [...differing([...lasting, 'priority', 'attempt', 'maxAttempts', 'stalls', 'error']), ...life];
}

function isNear(expected: number, actual: number): boolean {
  return Math.abs(expected - actual) <= clocksDifferMs;
}
