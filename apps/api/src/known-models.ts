import { workerDescriptionSchema } from '@musicgen/contract';
import type { WorkerPresence } from '@musicgen/queue';
import type { AppOptions } from './app.ts';
import { invalidBody } from './invalid-request.ts';
import { type NewTasks, pathOf } from './new-tasks.ts';

/**
 * Whether the models that the requests name are there: any worker may claim a task, so all live ones must have its model
 * (docs/decisions/005-models-of-a-fleet.md). While no worker lives nobody can tell, and the request is taken.
 * @throws InvalidRequest naming each field with a model that is not there, and those that are
 */
export async function checkModels(tasks: NewTasks, { monitor }: Pick<AppOptions, 'monitor'>): Promise<void> {
  if (tasks.requests.every(({ model }) => model === undefined)) return;
  const known = modelsOfAll(await monitor.workers());
  if (known === undefined) return;
  const issues = tasks.requests.flatMap(({ model }, index) => {
    if (model === undefined || known.includes(model)) return [];
    const path = [...pathOf(tasks, index), 'model'];
    return { code: 'custom' as const, path, message: `must be one of ${known.join(', ')}`, input: undefined };
  });
  if (issues.length > 0) throw invalidBody({ issues });
}

/** The models that every live worker has; undefined when none lives. */
function modelsOfAll(present: readonly WorkerPresence[]): string[] | undefined {
  const [first, ...others] = present
    .filter(({ draining }) => !draining)
    .flatMap(({ description }) => workerDescriptionSchema.safeParse(description).data ?? [])
    .map(({ models }) => models.map(({ id }) => id));
  return first?.filter((id) => others.every((ids) => ids.includes(id)));
}
