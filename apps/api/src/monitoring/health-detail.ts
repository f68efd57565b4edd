import type { healthDetailSchema } from '@musicgen/contract';
import type { ServerFacts } from '@musicgen/queue';
import type { z } from 'zod';
import type { AppOptions } from '../app.ts';
import { withinDeadline } from '../cached.ts';

export type HealthDetailOptions = Pick<
  AppOptions,
  'kind' | 'monitor' | 'estimator' | 'store' | 'version' | 'closing'
>;

/** One part that does not answer must not keep the others from being shown. */
const answerWithinMs = 2_000;

/** What the process depends on, looked at now. Names no address, so that anybody may see it. */
export async function healthDetail(
  options: HealthDetailOptions,
): Promise<z.input<typeof healthDetailSchema>> {
  const { kind, monitor, estimator, store, version, closing } = options;
  const [server, fleet, stored] = await Promise.all([
    answered(monitor.server().then((facts) => ({ facts }))),
    answered(estimator.fleet()),
    answered(store.open('healthz').then(() => true)),
  ]);
  const working = fleet?.workers.filter(({ draining }) => !draining) ?? [];
  const parts = {
    redis: redisPart(server),
    store: { up: stored !== undefined },
    queue: { kind, waiting: fleet?.waiting ?? null, processing: fleet?.processing ?? null },
    workers: {
      live: fleet ? working.length : null,
      slots: fleet ? working.reduce((sum, { slots }) => sum + slots, 0) : null,
    },
  };
  const isWell = parts.redis?.up !== false && parts.store.up && !closing.aborted;
  return { status: isWell ? 'ok' : 'degraded', version, node: process.version, ...parts };
}

async function answered<Value>(value: Promise<Value>): Promise<Value | undefined> {
  return withinDeadline(value, answerWithinMs).catch(() => undefined);
}

/** Null where tasks are kept in the memory of this process. */
function redisPart(answer: { facts: ServerFacts | undefined } | undefined) {
  if (answer === undefined) return { up: false, version: null };
  return answer.facts === undefined ? null : { up: true, version: answer.facts.version };
}
