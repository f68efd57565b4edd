import type { FleetModels, QueueState } from '@musicgen/client';
import { computed, effect, signal } from '@preact/signals';
import { connection, service } from './service.ts';
import { unfinished } from './tasks.ts';
import { whileVisible } from './time.ts';

/** What the fleet can run; undefined until the first answer. */
export const models = signal<FleetModels | undefined>(undefined);
/** How busy it is. */
export const queueState = signal<QueueState | undefined>(undefined);

/** The model that a request means which names `id`, or none. */
export function modelOf(id: string) {
  const { default: usual, models: all } = models.value ?? { default: null, models: [] };
  return all.find((model) => model.id === (id || usual));
}

/** The longest piece that may be asked for; undefined while no worker has told. */
export const longestSeconds = computed(() => {
  const all = models.value?.models ?? [];
  return all.length === 0 ? undefined : Math.max(...all.map((model) => model.max_duration));
});

async function refresh(): Promise<void> {
  try {
    const [fleet, state] = await Promise.all([service.value.getModels(), service.value.getQueueState()]);
    models.value = fleet;
    queueState.value = state;
  } catch {
    // `connection` has it; the next round comes anyway.
  }
}

function intervalMs(): number {
  if (connection.value === 'away') return 2_000;
  return unfinished.value.length > 0 ? 3_000 : 10_000;
}

export function watchFleet(): void {
  effect(() => {
    service.value;
    return whileVisible(refresh, intervalMs);
  });
}
