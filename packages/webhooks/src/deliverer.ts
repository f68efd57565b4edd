import { randomInt } from 'node:crypto';
import type { Deliveries } from './deliveries.ts';
import type { ClaimedDelivery } from './delivery.ts';
import { retryPauseMs } from './schedule.ts';
import { type SendOutcome, send } from './send.ts';
import { signatureOf } from './signature.ts';
import type { TargetPolicy } from './target.ts';
import type { DeathCause, DeliveryAttempt, WebhookEvents } from './webhook-events.ts';

export interface DelivererOptions {
  deliveries: Deliveries;
  policy: TargetPolicy;
  /** The task as its owner would see it now; undefined once it is removed. */
  presentTask: (id: string) => Promise<object | undefined>;
  events: WebhookEvents;
  /** Signs what has no secret of its own. */
  defaultSecret: string | undefined;
  timeoutMs?: number;
  /** Attempts under way at once. */
  maxInFlight?: number;
  /** Of these, to one host: a receiver that hangs must not keep the others waiting. */
  maxPerHost?: number;
}

export interface Deliverer {
  /** Starts an attempt at everything that is due, and resolves when nothing more is; the attempts go on. */
  deliverDue(): Promise<void>;
  /** Starts nothing more, ends what is under way, which another process or the next start does again. */
  close(): Promise<void>;
}

/** Where a host is busy or a task cannot be read, for a moment; spread, so that not all come back at once. */
const soonMs = () => 2_000 + randomInt(3_000);

export function createDeliverer(options: DelivererOptions): Deliverer {
  const { deliveries, events, maxInFlight = 50, maxPerHost = 10 } = options;
  const closing = new AbortController();
  const inFlight = new Set<Promise<void>>();
  const perHost = new Map<string, number>();

  async function attempt(claim: ClaimedDelivery): Promise<void> {
    const { host } = new URL(claim.url);
    const busy = perHost.get(host) ?? 0;
    if (busy >= maxPerHost) return void (await deliveries.giveBack(claim, soonMs()));
    perHost.set(host, busy + 1);
    try {
      await deliver(claim, { ...options, signal: closing.signal });
    } finally {
      const left = (perHost.get(host) ?? 1) - 1;
      if (left > 0) perHost.set(host, left);
      else perHost.delete(host);
    }
  }

  function start(claim: ClaimedDelivery): void {
    // What fails here is Redis: the lease runs out, and the delivery comes again.
    const running = attempt(claim)
      .catch((error: unknown) => void events.emit('webhook:unsettled', { deliveryId: claim.id, error }))
      .finally(() => inFlight.delete(running));
    inFlight.add(running);
  }

  async function untilFree(): Promise<void> {
    while (inFlight.size >= maxInFlight) await Promise.race(inFlight);
  }

  return {
    async deliverDue() {
      while (!closing.signal.aborted) {
        await untilFree();
        const claims = await deliveries.claim(maxInFlight - inFlight.size);
        if (claims.length === 0) return;
        for (const claim of claims) start(claim);
      }
    },
    async close() {
      closing.abort();
      await Promise.all(inFlight);
    },
  };
}

type AttemptOptions = DelivererOptions & { signal: AbortSignal };

async function deliver(claim: ClaimedDelivery, options: AttemptOptions): Promise<void> {
  const task = await options.presentTask(claim.taskId).catch(() => 'unreadable' as const);
  if (task === 'unreadable') return void (await options.deliveries.giveBack(claim, soonMs()));
  const startedAt = performance.now();
  const message = messageOf(claim, { task, secret: claim.secret ?? options.defaultSecret });
  const { policy, timeoutMs = 15_000, signal } = options;
  const outcome = await send(message, { policy, timeoutMs, signal });
  await settle({ claim, outcome, durationMs: performance.now() - startedAt }, options);
}

/** The event as Standard Webhooks lays it out; a task that is removed meanwhile leaves its id and what became of it. */
function messageOf(
  { id, event, at, url, taskId }: ClaimedDelivery,
  { task, secret }: { task: object | undefined; secret: string | undefined },
) {
  const data = task ?? { id: taskId, status: event.replace('task.', '') };
  const body = JSON.stringify({ type: event, timestamp: new Date(at).toISOString(), data });
  const timestamp = Math.floor(Date.now() / 1000);
  const headers = {
    'Content-Type': 'application/json',
    'User-Agent': 'musicgen-service',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    ...(secret !== undefined && { 'webhook-signature': signatureOf({ id, timestamp, body }, secret) }),
  };
  return { url, headers, body };
}

interface Attempted {
  claim: ClaimedDelivery;
  outcome: SendOutcome;
  durationMs: number;
}

async function settle({ claim, outcome, durationMs }: Attempted, options: AttemptOptions): Promise<void> {
  const { deliveries, events } = options;
  const told: DeliveryAttempt = {
    deliveryId: claim.id,
    taskId: claim.taskId,
    event: claim.event,
    host: new URL(claim.url).host,
    attempt: claim.attempts,
    durationMs,
    lagMs: claim.lagMs,
  };
  if (outcome.kind === 'interrupted') return void (await deliveries.giveBack(claim, 0));

  const verdict = verdictOn(outcome, claim.attempts);
  switch (verdict.kind) {
    case 'delivered': {
      const isOurs = await deliveries.end(claim, 'delivered', { status: verdict.status });
      if (isOurs) events.emit('webhook:delivered', { ...told, status: verdict.status });
      else events.emit('webhook:lost', told);
      return;
    }
    case 'retry': {
      const { reason, status, pauseMs } = verdict;
      const isOurs = await deliveries.retryLater(claim, pauseMs, { status, error: reason });
      if (isOurs) events.emit('webhook:retrying', { ...told, reason, retryInMs: pauseMs });
      else events.emit('webhook:lost', told);
      return;
    }
    case 'dead': {
      const { reason, status, cause } = verdict;
      const isOurs = await deliveries.end(claim, 'dead', { status, error: reason });
      if (isOurs) events.emit('webhook:dead', { ...told, reason, cause });
      else events.emit('webhook:lost', told);
      return;
    }
    default:
      verdict satisfies never;
  }
}

type Verdict =
  | { kind: 'delivered'; status: number }
  | { kind: 'retry'; reason: string; status?: number; pauseMs: number }
  | { kind: 'dead'; reason: string; status?: number; cause: DeathCause };

/** Only 2xx is success. A redirect is none: nobody checked where it leads. */
function verdictOn(outcome: Exclude<SendOutcome, { kind: 'interrupted' }>, attempts: number): Verdict {
  if (outcome.kind === 'blocked') return { kind: 'dead', reason: outcome.reason, cause: 'blocked' };
  const { status, retryAfterSeconds } = outcome.kind === 'answered' ? outcome : {};
  if (status !== undefined && status >= 200 && status < 300) return { kind: 'delivered', status };
  const reason = outcome.kind === 'failed' ? outcome.reason : `The receiver answered ${status}`;
  if (status === 410) return { kind: 'dead', reason, status, cause: 'gone' };
  const pauseMs = retryPauseMs({ attempts, retryAfterSeconds });
  if (pauseMs === undefined) return { kind: 'dead', reason, status, cause: 'exhausted' };
  return { kind: 'retry', reason, status, pauseMs };
}
