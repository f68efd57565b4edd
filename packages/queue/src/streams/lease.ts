import type { HeldClaims } from '../held-claims.ts';
import type { Heartbeat, HeartbeatAnswer } from '../task-queue.ts';
import type { QueueContext } from './context.ts';
import type { ScriptArgument } from './script-runner.ts';
import { heartbeatScript } from './scripts/heartbeat.lua.ts';
import { scriptBound } from './scripts/script.ts';

export interface LeaseOptions {
  workerId: string;
  /** `full`: it can make room only by handing something back. */
  slots: 'free' | 'full';
  held: HeldClaims;
}

/**
 * Reports on what a worker holds, and renews those leases for which it is time: a renewal costs Redis a third of a
 * heartbeat, and progress comes more often than leases need it. Only on what it holds: a claim whose reply was lost
 * sits in the worker's name too, and must lapse.
 */
export async function renewLeases(
  { run }: QueueContext,
  { workerId, slots, held }: LeaseOptions,
  beats: readonly Heartbeat[],
): Promise<HeartbeatAnswer[]> {
  const answers: HeartbeatAnswer[] = [];
  const full = slots === 'full' ? 'full' : '';
  for (let from = 0; from < beats.length; from += scriptBound) {
    const page = beats.slice(from, from + scriptBound);
    const due = page.map(({ claim }) => held.isRenewalDue(claim));
    const args = page.flatMap((beat, index) => [due[index] ? 1 : '', ...heartbeatArguments(beat)]);
    const reply = (await run(heartbeatScript, [workerId, full, ...args])) as HeartbeatAnswer[];
    for (const [index, { claim }] of page.entries()) {
      if (reply[index] === 'lost') held.release(claim);
      else if (due[index]) held.renewed(claim);
    }
    answers.push(...reply);
  }
  return answers;
}

/** As `heartbeat.lua.ts` takes them. */
function heartbeatArguments({ claim, stage, progress, checkpoint }: Heartbeat): ScriptArgument[] {
  const fields: ScriptArgument[] = [];
  if (stage !== undefined) fields.push('stage', stage);
  if (progress !== undefined) fields.push('frame', progress.frame, 'frames', progress.frames);
  if (progress?.remainingMs !== undefined) fields.push('remainingMs', Math.round(progress.remainingMs));
  return [claim.task.id, claim.token, checkpoint ?? '', fields.length, ...fields];
}
