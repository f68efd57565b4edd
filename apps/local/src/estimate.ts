import { priorities, type Task } from '@musicgen/contract';

/**
 * When each waiting task will be ready if one worker goes on as fast as it has been: the best priority first, each
 * after the one before. Nothing while no speed has been seen yet.
 * @param tasks all that the worker has to do, in whatever state.
 * @returns Unix milliseconds by task id.
 */
export function estimateWaiting(tasks: Task[], now = Date.now()): Map<string, number> {
  const speed = tasks.map(secondsPerAudioSecond).find((seconds) => seconds !== undefined);
  const estimates = new Map<string, number>();
  if (speed === undefined) return estimates;
  let freeAt = Math.max(now, ...tasks.map(({ eta }) => (eta?.finish_at ? Date.parse(eta.finish_at) : now)));
  const waiting = tasks.filter(({ status }) => status === 'pending');
  for (const task of waiting.toSorted((a, b) => priorities[b.priority] - priorities[a.priority])) {
    freeAt += task.request.duration * speed * 1000;
    estimates.set(task.id, freeAt);
  }
  return estimates;
}

/** What a second of audio costs, by a task that runs or has run. */
function secondsPerAudioSecond({ eta, timings, request }: Task): number | undefined {
  if (timings.processing !== null) return timings.processing / request.duration;
  if (!eta?.start_at || !eta.finish_at) return undefined;
  return (Date.parse(eta.finish_at) - Date.parse(eta.start_at)) / 1000 / request.duration;
}
