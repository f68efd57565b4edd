import { type TestQueue, testQueueOn } from '../contract/test-setup.ts';
import type { TaskQueue } from '../queue-kind.ts';
import { change, type HeldTask, type InProcessContext } from './context.ts';

/** A ready queue of one process with its time in the hands of the test. */
export async function testInProcess(queue: TaskQueue, context: InProcessContext): Promise<TestQueue> {
  await queue.prepare();
  const held = (id: string): HeldTask => {
    const found = context.tasks.get(id);
    if (found === undefined) throw new Error(`There is no task ${id}`);
    return found;
  };
  return {
    ...testQueueOn(queue),
    async endTime(id) {
      if (context.erased.has(id)) context.erased.set(id, 1);
      else change(held(id), { expiresAt: 1 });
      const kept = context.tasks.get(id);
      if (kept !== undefined) kept.removalDueAt = 0;
    },
    async waitedFor(id, ms) {
      held(id).queuedAt = context.now() - ms;
    },
    async ranFor(id, ms) {
      held(id).claimedAt = context.now() - ms;
    },
    async diedAt(id, at) {
      held(id).deadSince = at;
    },
  };
}
