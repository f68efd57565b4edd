import { priorityNames } from '@musicgen/contract';
import { workersGroup } from '../keys.ts';
import type { QueueContext } from './context.ts';
import type { ScriptArgument } from './script-runner.ts';
import type { Script } from './scripts/script.ts';

/**
 * Creates the consumer group of every work stream that has none. It starts at id 0: from `$` on, everything that was
 * enqueued before would never be delivered.
 */
export async function createGroups({ redis, keys, events }: QueueContext): Promise<void> {
  for (const priority of priorityNames) {
    try {
      await redis.xgroup('CREATE', keys.stream(priority), workersGroup, '0', 'MKSTREAM');
      events.emit('group:created', { priority });
    } catch (error) {
      if (!isReplyError(error, 'BUSYGROUP')) throw error;
    }
  }
}

/** Runs a script that needs the groups; where one is missing, makes them and runs it again. */
export async function runWithGroups(context: QueueContext, script: Script, args: readonly ScriptArgument[]) {
  try {
    return await context.run(script, args);
  } catch (error) {
    if (!isReplyError(error, 'NOGROUP')) throw error;
    await createGroups(context);
    return await context.run(script, args);
  }
}

/** Whether Redis answered with an error of this kind; inside a script, Redis puts more words around it. */
export function isReplyError(error: unknown, kind: string): boolean {
  return error instanceof Error && error.message.includes(kind);
}
