import { setTimeout as delay } from 'node:timers/promises';
import type { DurableRedis } from './durable-redis.ts';
import type { FaultyProxy } from './faulty-proxy.ts';
import type { Fleet } from './fleet.ts';
import type { HistoryWriter } from './history.ts';
import type { Fault, Step } from './plan.ts';

export interface Victims {
  redis: DurableRedis;
  proxy: FaultyProxy;
  fleet: Fleet;
  history: HistoryWriter;
  /** Told how far it is, ten times in a plan. */
  say: (line: string) => void;
}

/** Carries a plan out; resolves when its last fault is over for Redis. */
export async function carryOut(
  plan: readonly Step[],
  { redis, proxy, fleet, history, say }: Victims,
): Promise<void> {
  let redisIsBack = Promise.resolve();

  async function inflict(fault: Fault): Promise<void> {
    const { kind, target, lastsMs } = fault;
    const note = (worker?: string) =>
      history.write({ type: 'fault', fault: kind, lastsMs, ...(worker !== undefined && { worker }) });
    switch (kind) {
      case 'worker:kill':
        return note(await fleet.kill(target));
      case 'worker:terminate':
        return note(await fleet.terminate(target));
      case 'worker:freeze':
        return note(await fleet.freeze(target, lastsMs));
      case 'redis:kill':
        // The faults that follow hit a fleet without Redis, but not a Redis that is away already.
        await redisIsBack;
        note();
        redisIsBack = redis.kill(lastsMs);
        return;
      default:
        note();
        proxy.inflict({ ...fault, kind });
    }
  }

  for (const [index, { pauseMs, fault }] of plan.entries()) {
    await delay(pauseMs);
    await inflict(fault);
    if ((index + 1) % Math.ceil(plan.length / 10) === 0) say(`${index + 1} of ${plan.length} faults`);
  }
  await redisIsBack;
}
