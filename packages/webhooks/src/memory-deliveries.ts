import { randomUUID } from 'node:crypto';
import type { DeliveryStatus } from '@musicgen/contract';
import type { AttemptResult, Deliveries, DeliveriesLimits } from './deliveries.ts';
import type { ClaimedDelivery, Delivery } from './delivery.ts';

interface Held {
  delivery: Delivery;
  secret: string | undefined;
  /** When to take it up; absent once it is over. */
  dueAt?: number;
  /** Of the claim that has it. */
  token?: string;
  endedAt?: number;
}

/** All deliveries in the memory of one process, and gone with it; as those in Redis otherwise. */
export function createMemoryDeliveries(limits: DeliveriesLimits = {}): Deliveries {
  const { leaseMs = 60_000, keptMs = 7 * 86_400_000, keptCount = 10_000 } = limits;
  const all = new Map<string, Held>();

  function due(): (Held & { dueAt: number })[] {
    const isDue = (held: Held): held is Held & { dueAt: number } =>
      held.dueAt !== undefined && held.dueAt <= Date.now();
    return [...all.values()].filter(isDue).sort((a, b) => a.dueAt - b.dueAt);
  }

  function claim(held: Held & { dueAt: number }, token: string): ClaimedDelivery {
    const lagMs = Date.now() - held.dueAt;
    held.dueAt = Date.now() + leaseMs;
    held.token = token;
    held.delivery = { ...held.delivery, attempts: held.delivery.attempts + 1, lastAt: Date.now() };
    return { ...held.delivery, secret: held.secret, token, lagMs };
  }

  /** What a claim may settle: nothing where another has it. */
  function heldBy({ id, token }: ClaimedDelivery): Held | undefined {
    const held = all.get(id);
    if (held === undefined || held.token !== token) return undefined;
    held.token = undefined;
    return held;
  }

  function postpone(
    claimed: ClaimedDelivery,
    pauseMs: number,
    result: AttemptResult,
    uncounted: number,
  ): boolean {
    const held = heldBy(claimed);
    if (held === undefined) return false;
    held.dueAt = Date.now() + pauseMs;
    const attempts = held.delivery.attempts - uncounted;
    held.delivery = { ...settled(held.delivery, result), attempts, nextAt: held.dueAt };
    return true;
  }

  /** Drops what ended the same way and is too old, or the oldest where they are too many. */
  function drop(status: DeliveryStatus): void {
    const ended = [...all.values()].filter(({ delivery }) => delivery.status === status).sort(byId);
    const over = ended.slice(0, Math.max(0, ended.length - keptCount));
    const old = ended.filter(({ endedAt = 0 }) => endedAt < Date.now() - keptMs);
    for (const { delivery } of [...over, ...old]) all.delete(delivery.id);
  }

  return {
    async add({ secret, ...delivery }) {
      if (all.has(delivery.id)) return;
      const dueAt = Date.now();
      all.set(delivery.id, {
        delivery: { ...delivery, status: 'pending', attempts: 0, nextAt: dueAt },
        secret,
        dueAt,
      });
    },
    async claim(limit) {
      const token = randomUUID();
      return due()
        .slice(0, limit)
        .map((held) => claim(held, token));
    },
    retryLater: async (claimed, pauseMs, result) => postpone(claimed, pauseMs, result, 0),
    giveBack: async (claimed, pauseMs) => postpone(claimed, pauseMs, {}, 1),
    async end(claimed, status, result) {
      const held = heldBy(claimed);
      if (held === undefined) return false;
      const { nextAt: _over, ...rest } = settled(held.delivery, result);
      held.delivery = { ...rest, status };
      held.dueAt = undefined;
      held.endedAt = Date.now();
      drop(status);
      return true;
    },
    get: async (id) => all.get(id)?.delivery,
    async list({ status, limit, cursor }) {
      const found = [...all.values()]
        .filter(({ delivery }) => (status ?? delivery.status) === delivery.status)
        .filter(({ delivery }) => cursor === undefined || delivery.id < cursor)
        .sort((a, b) => byId(b, a))
        .map(({ delivery }) => delivery);
      const page = found.slice(0, limit);
      return { deliveries: page, ...(found.length > limit && { nextCursor: page.at(-1)?.id }) };
    },
    async resend(id) {
      const held = all.get(id);
      // What is under way is left to whoever has it.
      if (held === undefined || held.token !== undefined) return held?.delivery;
      held.dueAt = Date.now();
      held.delivery = { ...held.delivery, status: 'pending', attempts: 0, nextAt: held.dueAt };
      return held.delivery;
    },
    async figures() {
      const waiting = due();
      const count = (status: DeliveryStatus) =>
        [...all.values()].filter(({ delivery }) => delivery.status === status).length;
      const oldestDueMs = Date.now() - (waiting[0]?.dueAt ?? Date.now());
      return { due: waiting.length, oldestDueMs, pending: count('pending'), dead: count('dead') };
    },
  };
}

/** With what the last attempt ended, and nothing of the one before. */
function settled(delivery: Delivery, { status, error }: AttemptResult): Delivery {
  const { lastStatus: _status, lastError: _error, ...rest } = delivery;
  return {
    ...rest,
    ...(status !== undefined && { lastStatus: status }),
    ...(error !== undefined && { lastError: error }),
  };
}

/** Ids begin with their time. */
function byId(a: Held, b: Held): number {
  return a.delivery.id < b.delivery.id ? -1 : 1;
}
