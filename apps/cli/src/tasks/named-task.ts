import type { Client, Task } from '@musicgen/client';
import { ServiceError } from '@musicgen/contract';
import type { Context } from '../context.ts';

/** For the help of commands that take it. */
export const idOrLatest = 'id of the task; the latest one when absent';

/** The task of that id, or the caller's latest. @throws ServiceError `not_found` where there is none yet */
export async function namedTask({ signal }: Context, client: Client, id: string | undefined): Promise<Task> {
  if (id !== undefined) return client.getTask(id, { signal });
  const [latest] = (await client.listTasks({ limit: 1 }, { signal })).tasks;
  if (latest !== undefined) return latest;
  throw new ServiceError('not_found', 'There is no task yet: musicgen generate "calm lofi with soft piano"');
}
