import type { Claim } from '../task-queue.ts';
import type { JsonObject } from '../task-record.ts';
import type { QueueContext } from './context.ts';
import { runWithGroups } from './groups.ts';
import type { ScriptArgument } from './script-runner.ts';
import { claimScript } from './scripts/claim.lua.ts';
import { completeScript } from './scripts/complete.lua.ts';
import { completeAndClaimScript } from './scripts/complete-and-claim.lua.ts';
import { scriptBound } from './scripts/script.ts';

type Outcome = 'completed' | 'lost';

interface Result {
  claim: Claim;
  text: string;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
}

/** The results of one worker on their way to Redis. */
export interface Results {
  /** How many are not sent yet. */
  count(): number;
  complete(claim: Claim, result: JsonObject): Promise<Outcome>;
  /** Runs the claim script, with the results that are not sent yet in the same call. */
  claim(args: readonly ScriptArgument[]): Promise<unknown>;
}

/**
 * Sends what has ended in one turn of the event loop in one call, and in the same call the claim for the slots that this
 * has freed: for short tasks the calls cost Redis more than what they do.
 */
export function createResults(context: QueueContext): Results {
  const unsent: Result[] = [];

  function settle(results: readonly Result[], outcomes: readonly Outcome[]): void {
    for (const [index, { resolve }] of results.entries()) resolve(outcomes[index] ?? 'lost');
  }

  function fail(results: readonly Result[], error: unknown): void {
    for (const { reject } of results) reject(error);
  }

  async function sendAll(): Promise<void> {
    while (unsent.length > 0) {
      const results = unsent.splice(0, scriptBound);
      const reply = context.run(completeScript, results.flatMap(resultArguments));
      await reply.then(
        (outcomes) => settle(results, outcomes as Outcome[]),
        (error: unknown) => fail(results, error),
      );
    }
  }

  return {
    count: () => unsent.length,

    complete(claim, result) {
      // At the end of this turn, if no claim has taken it along.
      if (unsent.length === 0) setImmediate(() => void sendAll());
      return new Promise((resolve, reject) => {
        unsent.push({ claim, text: JSON.stringify(result), resolve, reject });
      });
    },

    async claim(args) {
      const results = unsent.splice(0, scriptBound);
      if (results.length === 0) return runWithGroups(context, claimScript, args);
      const withResults = [results.length, ...results.flatMap(resultArguments), ...args];
      try {
        const reply = await context.run(completeAndClaimScript, withResults);
        const [outcomes, claimed] = reply as [Outcome[], unknown];
        settle(results, outcomes);
        // It failed by itself: again without the results, where the groups are made if that is what is missing.
        return claimed instanceof Error ? runWithGroups(context, claimScript, args) : claimed;
      } catch (error) {
        fail(results, error);
        throw error;
      }
    },
  };
}

/** As `results.lua.ts` takes them. */
function resultArguments({ claim, text }: Result): ScriptArgument[] {
  return [claim.task.id, claim.token, text, claim.task.updatedAt];
}
