import { randomUUID } from 'node:crypto';
import type { DeliveryStatus, WebhookEvent } from '@musicgen/contract';
import type { Cluster, Redis } from 'ioredis';
import { type ClaimedDelivery, type Delivery, deliveryFromFields, fieldsFromReply } from './delivery.ts';
import { createWebhookKeys } from './keys.ts';
import { redisUnavailable } from './redis-unavailable.ts';
import { createScriptRunner, type ScriptName } from './scripts.ts';

export interface NewDelivery {
  /** Unique and the same however often the event is told; ordered by time, without dots. */
  id: string;
  taskId: string;
  event: WebhookEvent;
  url: string;
  secret: string | undefined;
  at: number;
}

/** What an attempt ended with. */
export interface AttemptResult {
  status?: number;
  error?: string;
}

export interface DeliveryListing {
  status?: DeliveryStatus;
  limit: number;
  /** The `nextCursor` of the page before. */
  cursor?: string;
}

export interface DeliveryPage {
  deliveries: Delivery[];
  /** Absent after the last page. */
  nextCursor?: string;
}

export interface DeliveryFigures {
  /** Deliveries that should be on their way and are not. */
  due: number;
  /** How long the oldest of them has been due, in milliseconds. */
  oldestDueMs: number;
  pending: number;
  dead: number;
}

/** All deliveries. Every call may throw ServiceError `dependency_unavailable`. */
export interface Deliveries {
  add(delivery: NewDelivery): Promise<void>;
  /** Takes what is due; it comes again after the lease unless it is settled with its token. */
  claim(limit: number): Promise<ClaimedDelivery[]>;
  /** The attempt failed and another follows; false when another claim has it. */
  retryLater(claim: ClaimedDelivery, pauseMs: number, result: AttemptResult): Promise<boolean>;
  /** There was no attempt after all. */
  giveBack(claim: ClaimedDelivery, pauseMs: number): Promise<boolean>;
  end(claim: ClaimedDelivery, status: 'delivered' | 'dead', result: AttemptResult): Promise<boolean>;
  get(id: string): Promise<Delivery | undefined>;
  /** The newest first. */
  list(listing: DeliveryListing): Promise<DeliveryPage>;
  /** Sends again, now; undefined when there is none of that id. */
  resend(id: string): Promise<Delivery | undefined>;
  figures(): Promise<DeliveryFigures>;
}

export interface DeliveriesLimits {
  /** Longer than an attempt can take. */
  leaseMs?: number;
  /** How long a delivery is kept once it is over. */
  keptMs?: number;
  /** How many that were delivered, and how many dead letters, are kept. */
  keptCount?: number;
}

export interface DeliveriesOptions extends DeliveriesLimits {
  redis: Redis | Cluster;
  prefix: string;
}

export function createDeliveries(options: DeliveriesOptions): Deliveries {
  const { redis, prefix, leaseMs = 60_000, keptMs = 7 * 86_400_000, keptCount = 10_000 } = options;
  const keys = createWebhookKeys(prefix);
  const script = createScriptRunner({ redis, prefix });
  const run = (name: ScriptName, args: readonly (string | number)[]) =>
    script(name, args).catch(redisUnavailable);

  async function get(id: string): Promise<Delivery | undefined> {
    return deliveryFromFields(id, await redis.hgetall(keys.delivery(id)).catch(redisUnavailable));
  }

  async function postpone(claim: ClaimedDelivery, pauseMs: number, rest: (string | number)[]) {
    return (await run('postpone', [claim.id, claim.token, Date.now() + pauseMs, ...rest])) === 1;
  }

  return {
    async add({ id, secret, ...fields }) {
      const stored = { ...fields, ...(secret !== undefined && { secret }) };
      await run('add', [id, Date.now(), ...Object.entries(stored).flat()]);
    },

    async claim(limit) {
      const token = randomUUID();
      const now = Date.now();
      const reply = (await run('claim', [now, leaseMs, token, limit])) as string[][];
      return reply.flatMap(([id = '', due, ...rest]) => {
        const fields = fieldsFromReply(rest);
        const delivery = deliveryFromFields(id, fields);
        if (delivery === undefined) return [];
        return [{ ...delivery, secret: fields.secret, token, lagMs: Math.max(0, now - Number(due)) }];
      });
    },

    retryLater: (claim, pauseMs, result) => postpone(claim, pauseMs, [1, ...fieldsOf(result)]),
    giveBack: (claim, pauseMs) => postpone(claim, pauseMs, [0]),

    async end({ id, token }, status, result) {
      // An id begins with its time, so one made of a time is a bound; a delivery lives at most two days before it ends.
      const oldest = `msg_${Date.now() - keptMs - 2 * 86_400_000}`;
      const args = [id, token, status, keptMs, keptCount, oldest, ...fieldsOf(result)];
      return (await run('end', args)) === 1;
    },

    get,

    async list({ status, limit, cursor }) {
      const index = status === undefined ? keys.all : keys.status(status);
      const from = cursor === undefined ? '+' : `(${cursor}`;
      const ids = await redis.zrevrangebylex(index, from, '-', 'LIMIT', 0, limit + 1).catch(redisUnavailable);
      const page = ids.slice(0, limit);
      const found = await Promise.all(page.map(get));
      return {
        deliveries: found.filter((delivery) => delivery !== undefined),
        ...(ids.length > limit && { nextCursor: page.at(-1) }),
      };
    },

    async resend(id) {
      const known = (await run('resend', [id, Date.now()])) === 1;
      return known ? get(id) : undefined;
    },

    async figures() {
      const now = Date.now();
      const [due, [oldest], pending, dead] = await Promise.all([
        redis.zcount(keys.due, '-inf', now),
        redis.zrange(keys.due, 0, '0'),
        redis.zcard(keys.status('pending')),
        redis.zcard(keys.status('dead')),
      ]).catch(redisUnavailable);
      const since = oldest && (await redis.zscore(keys.due, oldest).catch(redisUnavailable));
      return { due, oldestDueMs: Math.max(0, now - Number(since ?? now)), pending, dead };
    },
  };
}

function fieldsOf({ status, error }: AttemptResult): (string | number)[] {
  return [
    ...(status === undefined ? [] : ['lastStatus', status]),
    ...(error === undefined ? [] : ['lastError', error]),
  ];
}
