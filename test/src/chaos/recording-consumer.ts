import type { Claim, TaskConsumer } from '@musicgen/queue';
import type { Ending, HistoryWriter } from './history.ts';

export interface RecordingOptions {
  consumer: TaskConsumer;
  worker: string;
  history: HistoryWriter;
}

/** The same consumer, with every call that takes a task or ends an attempt in the history. */
export function recordingConsumer({ consumer, worker, history }: RecordingOptions): TaskConsumer {
  async function record<Outcome extends string>(
    ending: Ending,
    { task: { id: task }, token }: Claim,
    call: () => Promise<Outcome>,
  ): Promise<Outcome> {
    history.write({ type: 'ending:called', worker, task, token, ending });
    const outcome = await call();
    history.write({ type: 'ending:answered', worker, task, token, ending, outcome });
    return outcome;
  }

  return {
    ...consumer,

    async claim() {
      const calledAt = Date.now();
      const claim = await consumer.claim();
      if (claim !== undefined) {
        const { task, token } = claim;
        history.write({ type: 'claim:answered', worker, task: task.id, token, calledAt });
      }
      return claim;
    },

    async waitForTask(timeoutMs, signal) {
      history.write({ type: 'wait:began', worker });
      await consumer.waitForTask(timeoutMs, signal);
      history.write({ type: 'wait:ended', worker });
    },

    complete: (claim, result) => record('complete', claim, () => consumer.complete(claim, result)),
    fail: (claim, failure) => record('fail', claim, () => consumer.fail(claim, failure)),
    acknowledgeCancel: (claim) => record('acknowledgeCancel', claim, () => consumer.acknowledgeCancel(claim)),
    handBack: (claim, checkpoint) => record('handBack', claim, () => consumer.handBack(claim, checkpoint)),
  };
}
