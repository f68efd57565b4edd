import { hash } from 'node:crypto';
import { type Caller, type CallerLimits, hasScope } from '@musicgen/access';
import { type Scope, ServiceError, scopes } from '@musicgen/contract';
import type { Request, Response } from 'express';

/** Who sends a request. */
export interface RequestCaller {
  /** Whose tasks are submitted and seen; absent in an open service, where there is nobody to tell apart. */
  owner?: string;
  scopes: readonly Scope[];
  limits: CallerLimits;
  /** Whom limits are counted for. */
  countedAs: string;
}

/** A caller with a key. */
export function keyCaller({ name, scopes: granted, limits }: Caller): RequestCaller {
  return { owner: name, scopes: granted, limits, countedAs: `key:${name}` };
}

/** A caller of an open service: may do everything, and is counted by address. */
export function openCaller(req: Request): RequestCaller {
  return {
    scopes,
    limits: {},
    // Worked out where something is counted only.
    get countedAs() {
      return `address:${hashedNetwork(req.ip ?? '')}`;
    },
  };
}

/** The caller of a request that has passed `authenticate`. */
export function callerOf(res: Response): RequestCaller {
  const caller = res.locals.caller as RequestCaller | undefined;
  if (caller !== undefined) return caller;
  throw new ServiceError('internal', 'A route asks who calls it and lets everybody in');
}

/** Whether a caller gets to see a task: his own; in an open service and for an administrator any. */
export function maySee(caller: RequestCaller, task: { owner?: string }): boolean {
  return caller.owner === undefined || caller.owner === task.owner || hasScope(caller, 'admin');
}

/** What the queue is told about whose task it is, and how many unfinished ones he may have. */
export function ownership(caller: RequestCaller, defaults: Required<CallerLimits>) {
  const ownerLimit = caller.limits.concurrentTasks ?? defaults.concurrentTasks;
  return {
    ...(caller.owner !== undefined && { owner: caller.owner }),
    ...(ownerLimit > 0 && { ownerLimit }),
  };
}

/**
 * An address as it is counted: IPv6 by its first four groups, the least that one customer of a network has; hashed,
 * because nobody has to know it.
 */
function hashedNetwork(address: string): string {
  const network = address.includes(':') && !address.includes('.') ? firstGroups(address) : address;
  return hash('sha256', network, 'hex').slice(0, 16);
}

function firstGroups(address: string): string {
  const [head = '', tail] = address.split('::');
  const groups = head.split(':').filter(Boolean);
  const rest = tail === undefined ? [] : tail.split(':').filter(Boolean);
  const zeros = Array.from({ length: 8 - groups.length - rest.length }, () => '0');
  return [...groups, ...zeros, ...rest].slice(0, 4).join(':');
}
