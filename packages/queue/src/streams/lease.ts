import type { Heartbeat, HeartbeatAnswer } from '../task-queue.ts';
import type { QueueContext } from './context.ts';
import type { ScriptArgument } from './script-runner.ts';
import { heartbeatScript } from './scripts/heartbeat.lua.ts';
import { scriptBound } from './scripts/script.ts';

/**
 * Renews the leases of everything a worker holds. Only what it holds: a claim whose reply was lost sits in the
 * worker's name too, and must lapse.
 */
export async function renewLeases(
  { run }: QueueContext,
  worker: { id: string; slots: 'free' | 'full' },
  beats: readonly Heartbeat[],
): Promise<HeartbeatAnswer[]> {
  const answers: HeartbeatAnswer[] = [];
  const full = worker.slots === 'full' ? 'full' : '';
  for (let from = 0; from < beats.length; from += scriptBound) {
    const page = beats.slice(from, from + scriptBound);
    const reply = await run(heartbeatScript, [worker.id, full, ...page.flatMap(heartbeatArguments)]);
    answers.push(...(reply as HeartbeatAnswer[]));
  }
  return answers;
}

function heartbeatArguments({ claim, stage, progress, checkpoint }: Heartbeat): ScriptArgument[] {
  return [
    claim.task.id,
    claim.token,
    stage ?? '',
    progress?.frame ?? '',
    progress?.frames ?? '',
    progress?.remainingMs === undefined ? '' : Math.round(progress.remainingMs),
    checkpoint ?? '',
  ];
}
