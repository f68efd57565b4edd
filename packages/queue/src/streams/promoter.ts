import type { Promoter } from '../maintenance.ts';
import type { QueueContext } from './context.ts';
import { promoteScript } from './scripts/promote.lua.ts';
import { scriptBound } from './scripts/script.ts';

export function createPromoter({ run, events }: QueueContext): Promoter {
  return {
    async promote(signal) {
      let promoted = 0;
      let page: string[];
      do {
        page = (await run(promoteScript, [])) as string[];
        for (const taskId of page) events.emit('retry:promoted', { taskId });
        promoted += page.length;
      } while (page.length === scriptBound && !signal?.aborted);
      return promoted;
    },
  };
}
