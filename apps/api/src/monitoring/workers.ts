import {
  type fleetModelsSchema,
  type liveWorkersSchema,
  type ModelDescription,
  type WorkerDescription,
  workerDescriptionSchema,
} from '@musicgen/contract';
import type { Backlog, RunningTask, WorkerPresence } from '@musicgen/queue';
import type { z } from 'zod';
import { liveWorker } from '../estimate/outlook.ts';
import { timestamp } from '../timestamps.ts';

type LiveWorkersView = z.input<typeof liveWorkersSchema>;

/** Live workers, as they say they are, and what each works on. */
export function presentWorkers(
  present: readonly WorkerPresence[],
  { at, running }: Pick<Backlog, 'at' | 'running'>,
): LiveWorkersView {
  const workers = present.map((presence) => {
    const { slots, priorities } = liveWorker(presence);
    const models = workerDescriptionSchema.safeParse(presence.description).data?.models ?? [];
    return {
      id: presence.id,
      state: stateOf(presence),
      slots,
      busy_slots: presence.holding,
      tasks: running.filter(({ worker }) => worker === presence.id).map((task) => presentRunning(task, at)),
      priorities: [...priorities],
      models: models.map(({ id, precision, speed }) => ({ id, precision, speed })),
      seen_at: timestamp(presence.seenAt),
    };
  });
  return {
    total: workers.length,
    slots: workers.reduce((sum, { slots }) => sum + slots, 0),
    busy_slots: workers.reduce((sum, { busy_slots }) => sum + busy_slots, 0),
    workers,
  };
}

function presentRunning(
  { id, claimedAt, updatedAt = 0, remainingMs }: RunningTask,
  now: number,
): LiveWorkersView['workers'][number]['tasks'][number] {
  return {
    id,
    started_at: timestamp(claimedAt),
    seconds_left: remainingMs === undefined ? null : Math.max(0, updatedAt + remainingMs - now) / 1000,
  };
}

export function stateOf({ draining, holding }: WorkerPresence): 'idle' | 'busy' | 'draining' {
  if (draining) return 'draining';
  return holding > 0 ? 'busy' : 'idle';
}

/** What the fleet can run: every model once, with the mean of the speeds that its workers measured. */
export function presentModels(
  present: readonly WorkerPresence[],
  { maxDurationSeconds }: { maxDurationSeconds: number },
): z.input<typeof fleetModelsSchema> {
  const described = present
    .filter(({ draining }) => !draining)
    .flatMap(({ description }) => workerDescriptionSchema.safeParse(description).data ?? []);
  const byId = new Map<string, { model: ModelDescription; slots: number }[]>();
  for (const { models, slots } of described) {
    for (const model of models) byId.set(model.id, [...(byId.get(model.id) ?? []), { model, slots }]);
  }
  const models = [...byId.values()].flatMap((members) => {
    const [first] = members;
    if (first === undefined) return [];
    return {
      ...first.model,
      speed: meanSpeed(members.map(({ model }) => model.speed)),
      workers: members.length,
      slots: members.reduce((sum, { slots }) => sum + slots, 0),
      max_duration: maxDurationSeconds,
    };
  });
  return { default: defaultModel(described), models };
}

function meanSpeed(speeds: readonly ModelDescription['speed'][]): ModelDescription['speed'] {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return { alone: mean(speeds.map(({ alone }) => alone)), all: mean(speeds.map(({ all }) => all)) };
}

/** The one that most workers put first. */
function defaultModel(described: readonly WorkerDescription[]): string | null {
  const votes = new Map<string, number>();
  for (const { models } of described) {
    const id = models[0]?.id ?? '';
    votes.set(id, (votes.get(id) ?? 0) + 1);
  }
  return [...votes].sort(([, a], [, b]) => b - a)[0]?.[0] ?? null;
}
