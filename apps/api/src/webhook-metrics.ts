import type { Deliveries, DeliveryAttempt, WebhookEvents } from '@musicgen/webhooks';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

const results = ['ok', 'retry', 'gave_up', 'gone', 'blocked'] as const;

const resultOfDeath = { exhausted: 'gave_up', gone: 'gone', blocked: 'blocked' } as const;

export interface WebhookMetricsOptions {
  events: WebhookEvents;
  deliveries: Pick<Deliveries, 'figures'>;
}

/** Turns what the deliverer tells, and what waits in Redis, into metrics. */
export function observeWebhooks(registry: Registry, { events, deliveries }: WebhookMetricsOptions): void {
  const registers = [registry];
  const attempts = new Counter({
    name: 'musicgen_webhook_deliveries_total',
    help: 'Attempts to deliver a webhook, by what became of them.',
    labelNames: ['result'],
    registers,
  });
  const durations = new Histogram({
    name: 'musicgen_webhook_delivery_duration_seconds',
    help: 'From the lookup of the receiver to its answer or failure.',
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15],
    registers,
  });
  const lags = new Histogram({
    name: 'musicgen_webhook_lag_seconds',
    help: 'How long after it was due an attempt began.',
    buckets: [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800],
    registers,
  });
  for (const result of results) attempts.inc({ result }, 0);

  function observe(result: (typeof results)[number], { durationMs, lagMs }: DeliveryAttempt): void {
    attempts.inc({ result });
    durations.observe(durationMs / 1000);
    lags.observe(lagMs / 1000);
  }
  events.on('webhook:delivered', (attempt) => observe('ok', attempt));
  events.on('webhook:retrying', (attempt) => observe('retry', attempt));
  events.on('webhook:dead', (attempt) => observe(resultOfDeath[attempt.cause], attempt));

  observeWaiting(registry, deliveries);
}

/** The same at every process, from Redis: query with `max`. Without Redis they have no value, and `…_up` is 0. */
function observeWaiting(registry: Registry, deliveries: Pick<Deliveries, 'figures'>): void {
  const registers = [registry];
  const waiting = new Gauge({
    name: 'musicgen_webhook_pending',
    help: 'Webhook deliveries by where they stand: pending in all, due and not under way, dead letters.',
    labelNames: ['state'],
    registers,
    async collect() {
      const figures = await deliveries.figures().catch(() => undefined);
      this.reset();
      oldest.set(Number.NaN);
      up.set(figures === undefined ? 0 : 1);
      if (figures === undefined) return;
      waiting.set({ state: 'pending' }, figures.pending);
      waiting.set({ state: 'due' }, figures.due);
      waiting.set({ state: 'dead' }, figures.dead);
      oldest.set(figures.oldestDueMs / 1000);
    },
  });
  const up = new Gauge({
    name: 'musicgen_webhook_stats_up',
    help: '1 while the numbers of the waiting webhooks can be read from Redis.',
    registers,
  });
  const oldest = new Gauge({
    name: 'musicgen_webhook_oldest_due_age_seconds',
    help: 'How long the oldest webhook delivery that is not under way has been due.',
    registers,
  });
}
