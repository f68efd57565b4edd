import { every, type OutboxReader, type TaskProducer } from '@musicgen/queue';
import {
  createCollector,
  createDeliverer,
  type Deliveries,
  type TargetPolicy,
  type WebhookEvents,
} from '@musicgen/webhooks';
import type { Estimator } from './estimate/estimator.ts';
import { presentTask } from './task-view.ts';

export interface WebhookDutiesOptions {
  outbox: OutboxReader;
  producer: TaskProducer;
  estimator: Estimator;
  deliveries: Deliveries;
  policy: TargetPolicy;
  events: WebhookEvents;
  /** Signs what brings no secret of its own. */
  secret: string | undefined;
  onError: (error: unknown) => void;
}

/** How soon what has become due, here or at a process that died, is taken up. */
const intervalMs = 1_000;

/** Turns what the outbox tells into deliveries, and sends what is due, until it is stopped. Any number of processes may. */
export function startWebhookDuties(options: WebhookDutiesOptions) {
  const { outbox, producer, estimator, deliveries, policy, events, secret, onError } = options;
  const collect = createCollector({ source: outbox, deliveries, events });
  const deliverer = createDeliverer({
    deliveries,
    policy,
    events,
    presentTask: (id) => presentTask(id, { producer, estimator }),
    defaultSecret: secret,
  });

  const collecting = every({
    intervalMs,
    async run(signal) {
      while (!signal.aborted) if ((await collect(signal)) > 0) await deliverer.deliverDue();
    },
    onError,
  });
  const delivering = every({ intervalMs, run: () => deliverer.deliverDue(), onError });

  return {
    /** What is being sent is given up, and sent again by the next process. */
    async stop() {
      await Promise.all([collecting.stop(), delivering.stop(), deliverer.close()]);
      await outbox.close();
    },
  };
}
