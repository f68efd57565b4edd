import { isTerminal, type TaskStatus } from '@musicgen/contract';
import type { LifecycleEventType } from '@musicgen/queue';
import type { Intent, LifecycleEntry, Recorded } from '../history.ts';
import type { Settings } from '../settings.ts';
import { countEvents, ends, ofType, type TaskHistory, type Violation } from './task-histories.ts';

/** What is wrong with one task by itself. */
export function checkTask(task: TaskHistory, settings: Settings): Violation[] {
  const problems = [
    ...checkEnd(task),
    ...checkMoves(task),
    ...checkSeen(task),
    ...checkCompletions(task),
    ...checkCounts(task, settings),
    ...checkIntent(task, settings),
    ...checkCheckpoints(task),
  ];
  return problems.map((problem) => ({ ...problem, task: task.id }));
}

/** An acknowledged task reaches exactly one terminal status, and its record says the same. */
function checkEnd(task: TaskHistory): Violation[] {
  if (task.acknowledged === undefined) return [];
  const statuses = ends(task).map(({ status }) => status);
  const [status] = statuses;
  if (status === undefined) return [{ kind: 'lost', detail: 'acknowledged, and never finished' }];
  if (statuses.length > 1) return [{ kind: 'ended_twice', detail: statuses.join(', then ') }];
  if (task.record === undefined) return [{ kind: 'lost', detail: `${status}, but its record is gone` }];
  if (task.record.status === status) return [];
  return [{ kind: 'status_changed', detail: `ended as ${status}, stored as ${task.record.status}` }];
}

const fromPending = ['claimed', 'cancelled', 'expired', 'updated'] as const;
const fromProcessing = [
  'completed',
  'failed',
  'cancelled',
  'expired',
  'retrying',
  'returned',
  'stalled',
  'cancelling',
] as const;
/** Which events may follow a status. */
const legalEvents: Record<'none' | TaskStatus, readonly LifecycleEventType[]> = {
  none: ['created'],
  pending: fromPending,
  processing: fromProcessing,
  completed: [],
  failed: [],
  cancelled: [],
  expired: [],
};

function checkMoves({ lifecycle }: TaskHistory): Violation[] {
  const found: Violation[] = [];
  let status: 'none' | TaskStatus = 'none';
  for (const entry of lifecycle) {
    if (!legalEvents[status].includes(entry.event)) {
      found.push({ kind: 'illegal_move', detail: `${entry.event} while ${status}, at ${entry.id}` });
    }
    status = entry.status;
  }
  return found;
}

/** What clients were told: once terminal, the same for ever. */
function checkSeen({ seen, record }: TaskHistory): Violation[] {
  const statuses = [...seen, ...(record ? [record] : [])].map(({ status }) => status);
  const first = statuses.findIndex(isTerminal);
  const changed = first < 0 ? undefined : statuses.slice(first).find((status) => status !== statuses[first]);
  if (changed === undefined) return [];
  return [{ kind: 'status_changed', detail: `seen as ${statuses[first]}, later as ${changed}` }];
}

/** The tokens whose completion was accepted; one that is told twice, because an answer was lost, counts once. */
export function acceptedTokens({ endings }: TaskHistory): Set<string> {
  const accepted = endings.filter(({ ending, outcome }) => ending === 'complete' && outcome === 'completed');
  return new Set(accepted.map(({ token }) => token));
}

function checkCompletions(task: TaskHistory): Violation[] {
  const told = acceptedTokens(task).size;
  const written = countEvents(task, 'completed');
  if (told > 1 || written > 1) {
    return [{ kind: 'accepted_twice', detail: `${told} attempts were told so, ${written} were written` }];
  }
  if (told > written)
    return [{ kind: 'result_lost', detail: 'a worker was told that its result is accepted' }];
  return [];
}

/** Attempts, stalls and starts, against each other and against their limits. */
function checkCounts(task: TaskHistory, { maxAttempts, maxStalls }: Settings): Violation[] {
  const found: Violation[] = [];
  const claimed = countEvents(task, 'claimed');
  const charged = claimed - countEvents(task, 'stalled') - countEvents(task, 'returned');
  const expect = (holds: boolean, kind: string, detail: string) => {
    if (!holds) found.push({ kind, detail });
  };
  // The claim that ends in a dead letter because of too many stalls keeps its attempt, and is a stall too.
  expect(charged <= maxAttempts, 'too_many_attempts', `${charged} were charged of ${maxAttempts}`);
  expect(task.starts.length <= claimed, 'too_many_starts', `${task.starts.length} for ${claimed} claims`);
  if (task.record === undefined) return found;
  const { attempt, stalls } = task.record;
  expect(attempt === charged, 'wrong_attempts', `${attempt} stored, ${charged} charged`);
  expect(stalls <= maxStalls + 1, 'too_many_stalls', `${stalls} of ${maxStalls}`);
  const counted = countEvents(task, 'stalled') + (isBuried(task, maxStalls) ? 1 : 0);
  expect(stalls === counted, 'wrong_stalls', `${stalls} stored, ${counted} happened`);
  return found;
}

/** Whether a task lost more workers than it may, and became a dead letter for it. */
export function isBuried({ record }: TaskHistory, maxStalls: number): boolean {
  return record?.status === 'failed' && record.stalls > maxStalls;
}

const mayEnd: Record<Intent, readonly TaskStatus[]> = {
  complete: ['completed'],
  flaky: ['completed', 'failed'],
  broken: ['failed'],
  refused: ['failed'],
  poison: ['failed'],
};

/** A task ends as its request would have it end on a quiet day, or cancelled where someone asked for that. */
function checkIntent(task: TaskHistory, settings: Settings): Violation[] {
  const [end] = ends(task);
  if (task.acknowledged === undefined || end === undefined) return [];
  const outcomes = task.cancels.map(({ outcome }) => outcome);
  if (outcomes.includes('cancelled') && end.status !== 'cancelled') {
    return [{ kind: 'wrong_end', detail: `cancelled, it was said, but ${end.status}` }];
  }
  if (end.status === 'cancelled' && outcomes.length > 0) return [];
  return checkOutcome(task, end, settings);
}

function checkOutcome(
  { acknowledged, record }: TaskHistory,
  end: LifecycleEntry,
  { maxAttempts, maxStalls }: Settings,
): Violation[] {
  const intent = acknowledged?.intent ?? 'complete';
  const wrong = (detail: string) => [{ kind: 'wrong_end', detail }];
  // Bad luck, not a broken promise: a queue cannot know whose fault it is that workers die.
  if (record?.status === 'failed' && record.stalls === maxStalls + 1) return [];
  if (intent === 'poison') return wrong(`${end.status} after ${record?.stalls} stalls`);
  if (!mayEnd[intent].includes(end.status)) {
    return wrong(`meant to be ${mayEnd[intent].join(' or ')}, but ${end.status}`);
  }
  if (intent === 'broken' && end.attempt !== maxAttempts) {
    return wrong(`given up after ${end.attempt} attempts of ${maxAttempts}`);
  }
  return [];
}

/** An attempt goes on from what an earlier one of the same task left, never from another's. */
function checkCheckpoints({ starts }: TaskHistory): Violation[] {
  return starts
    .filter(({ resumedFrom, request }) => resumedFrom !== undefined && resumedFrom !== request)
    .map(({ resumedFrom }) => ({ kind: 'foreign_checkpoint', detail: `resumed from ${resumedFrom}` }));
}

/** However often a client asks for the same thing, one task is made. */
export function checkRequests(history: readonly Recorded[], tasks: Map<string, TaskHistory>): Violation[] {
  const made = new Map<string, Set<string>>();
  for (const { request, task } of ofType(history, 'enqueue:called')) {
    if ((tasks.get(task)?.lifecycle.length ?? 0) === 0) continue;
    made.set(request, (made.get(request) ?? new Set()).add(task));
  }
  return [...made]
    .filter(([, ids]) => ids.size > 1)
    .map(([request, ids]) => ({ kind: 'made_twice', detail: `${request}: ${[...ids].join(', ')}` }));
}
