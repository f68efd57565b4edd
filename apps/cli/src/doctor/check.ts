import { toServiceError } from '@musicgen/contract';

export type CheckStatus = 'ok' | 'warning' | 'failed' | 'skipped';

/** What a check saw: one sentence, and what to do where something is to be done. */
export interface Finding {
  status: CheckStatus;
  detail: string;
  remedy?: string;
}

export interface Check {
  name: string;
  look(): Finding | Promise<Finding>;
}

export interface CheckResult extends Finding {
  name: string;
}

export const ok = (detail: string): Finding => ({ status: 'ok', detail });
export const skipped = (detail: string): Finding => ({ status: 'skipped', detail });
export const warning = (detail: string, remedy: string): Finding => ({ status: 'warning', detail, remedy });
export const failed = (detail: string, remedy: string): Finding => ({ status: 'failed', detail, remedy });

/** Looks at everything, one check after the other; one that breaks has failed and stops no other. */
export async function runChecks(checks: readonly Check[], signal: AbortSignal): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const { name, look } of checks) {
    signal.throwIfAborted();
    results.push({ name, ...(await finding(look)) });
  }
  return results;
}

async function finding(look: Check['look']): Promise<Finding> {
  try {
    return await look();
  } catch (error) {
    const { message } = toServiceError(error);
    return failed(`It could not be looked at: ${message}`, 'Mend that and run musicgen doctor again.');
  }
}
