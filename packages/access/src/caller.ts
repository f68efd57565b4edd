import type { Scope } from '@musicgen/contract';

/** What one caller may use; absent: the service's default, 0: no limit. */
export interface CallerLimits {
  requestsPerMinute?: number;
  /** Tasks that are not finished. */
  concurrentTasks?: number;
  /** Seconds of music asked for in one UTC day. */
  secondsPerDay?: number;
}

/**
 * Who presents a key. The name is the identity: several keys may share one, so that a key can be replaced while the old
 * one still works, and tasks belong to the name.
 */
export interface Caller {
  name: string;
  scopes: readonly Scope[];
  limits: CallerLimits;
}

/** Whether a caller may do what the scope stands for; `admin` may do everything. */
export function hasScope(caller: Pick<Caller, 'scopes'>, scope: Scope): boolean {
  return caller.scopes.includes(scope) || caller.scopes.includes('admin');
}
