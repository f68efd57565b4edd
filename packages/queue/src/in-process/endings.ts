import { fullJitterMs } from '../backoff.ts';
import type { HeldClaims } from '../held-claims.ts';
import type { Claim, ConsumerOptions, TaskConsumer } from '../task-queue.ts';
import type { TaskRecord } from '../task-record.ts';
import type { HeldTask, InProcessContext } from './context.ts';
import type { Moves } from './moves.ts';

type Endings = Pick<TaskConsumer, 'complete' | 'fail' | 'handBack' | 'acknowledgeCancel'>;

/** The ends of an attempt, each for whoever owns the task. Sent twice, each answers the same. */
export function createEndings(
  context: InProcessContext,
  moves: Moves,
  { held, retry }: Pick<ConsumerOptions, 'retry'> & { held: HeldClaims },
): Endings {
  const { tasks, now, log, tallies, journal } = context;

  interface Ending<Answer> {
    /** How the task stands after this ending was sent before, and what was answered. */
    again: Partial<Record<TaskRecord['status'], Answer>>;
    /** What it does to a task whose cancellation is requested, instead. */
    cancelled?: Answer;
    move: (one: HeldTask) => Answer;
  }

  async function end<Answer>(claim: Claim, ending: Ending<Answer>): Promise<Answer | 'lost'> {
    held.release(claim);
    const one = tasks.get(claim.task.id);
    if (one === undefined || one.token !== claim.token) return 'lost';
    if (one.task.status !== 'processing') return ending.again[one.task.status] ?? 'lost';
    const answer = cancelInstead(one, ending) ?? ending.move(one);
    // What the store could not be told, maintenance tells it.
    await journal.written().catch(() => {});
    return answer;
  }

  function cancelInstead<Answer>(one: HeldTask, { cancelled }: Ending<Answer>): Answer | undefined {
    if (cancelled !== undefined && one.task.cancelRequested) moves.endCancelled(one);
    return one.task.status === 'cancelled' ? cancelled : undefined;
  }

  function count(one: HeldTask, tookMs: number): void {
    tallies.addDuration(now(), `completed:${one.task.priority}`, tookMs);
    tallies.add(now(), 'completed_ms', tookMs);
    if (one.task.cost !== undefined) tallies.add(now(), 'completed_cost', one.task.cost);
  }

  return {
    complete: (claim, result) =>
      end<'completed'>(claim, {
        again: { completed: 'completed' },
        move(one) {
          moves.finish(one, 'completed', { result });
          log.append(one.task, 'completed');
          count(one, Math.max(0, now() - claim.task.updatedAt));
          return 'completed';
        },
      }),

    fail: (claim, { retryable, ...error }) =>
      end<'retrying' | 'failed' | 'cancelled'>(claim, {
        again: { pending: 'retrying', failed: 'failed', cancelled: 'cancelled' },
        cancelled: 'cancelled',
        move(one) {
          if (one.task.attempt >= one.task.maxAttempts) moves.bury(one, error);
          else if (!retryable) moves.endFailed(one, error);
          else moves.retryLater(one, error, fullJitterMs(claim.task.attempt, retry));
          return one.task.status === 'failed' ? 'failed' : 'retrying';
        },
      }),

    handBack: (claim, checkpoint) =>
      end<'returned' | 'cancelled'>(claim, {
        again: { pending: 'returned', cancelled: 'cancelled' },
        cancelled: 'cancelled',
        move(one) {
          if (checkpoint !== undefined) one.checkpoint = checkpoint;
          moves.returnToQueue(one, 'returned');
          return 'returned';
        },
      }),

    acknowledgeCancel: (claim) =>
      end<'cancelled'>(claim, {
        again: { cancelled: 'cancelled' },
        move(one) {
          moves.endCancelled(one);
          return 'cancelled';
        },
      }),
  };
}
