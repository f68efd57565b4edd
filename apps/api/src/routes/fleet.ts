import { fleetModelsSchema, type priorityNames, queueStateSchema } from '@musicgen/contract';
import type { z } from 'zod';
import type { AppOptions } from '../app.ts';
import { cached } from '../cached.ts';
import { foresee } from '../estimate/foresee.ts';
import { queueStatus, secondsOrNull } from '../monitoring/views.ts';
import { presentModels } from '../monitoring/workers.ts';
import { type Route, type RouteSpec, route } from '../openapi/route.ts';

type Options = Pick<AppOptions, 'monitor' | 'estimator' | 'memory' | 'limits' | 'queueMaxLength'>;

const look = {
  method: 'get',
  tag: 'Service',
  scope: 'generate',
  errors: ['dependency_unavailable'],
} as const satisfies Partial<RouteSpec>;

/** What every caller may know about the service: what it can run and how busy it is. */
export function fleetRoutes(options: Options): Route[] {
  const { monitor, limits } = options;
  const state = cached({ load: () => queueState(options), lastsMs: 1_000, deadlineMs: 2_000 });
  return [
    route({
      ...look,
      operationId: 'getModels',
      path: '/api/v1/models',
      summary: 'What the fleet can run now',
      responses: { 200: { description: 'Every model of a live worker.', body: fleetModelsSchema } },
      handle: async (_input, res) => void res.json(presentModels(await monitor.workers(), limits)),
    }),
    route({
      ...look,
      operationId: 'getQueueState',
      path: '/api/v1/queue',
      summary: 'How busy the service is',
      responses: { 200: { description: 'At most a second old.', body: queueStateSchema } },
      handle: async (_input, res) => void res.json(await state()),
    }),
  ];
}

/** The piece whose end is foreseen, in seconds. */
const samplePieceSeconds = 10;
const waitWindowMs = 3_600_000;

async function queueState(options: Options): Promise<z.input<typeof queueStateSchema>> {
  const { monitor, estimator, memory, queueMaxLength } = options;
  const [queues, delayed, performance, { outlook, processing }, isMemoryShort] = await Promise.all([
    monitor.queues(),
    monitor.delayed(),
    monitor.performance(waitWindowMs),
    estimator.fleet(),
    memory.isReached(),
  ]);
  const waiting = queues.reduce((sum, queue) => sum + queue.waiting, delayed);
  const etaOf = (priority: (typeof priorityNames)[number]) => {
    const foresight = foresee(outlook, { priority, seconds: samplePieceSeconds });
    return foresight
      ? { start_in: tenths(foresight.startsIn), finish_in: tenths(foresight.finishesIn) }
      : null;
  };
  return {
    accepting: waiting < queueMaxLength && !isMemoryShort,
    waiting,
    capacity: queueMaxLength,
    processing,
    wait: { p50: secondsOrNull(performance.p50WaitingMs), p95: secondsOrNull(performance.p95WaitingMs) },
    queues: queues.map((queue) => ({ ...queueStatus(queue), eta: etaOf(queue.priority) })),
  };
}

function tenths(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
