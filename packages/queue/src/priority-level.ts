import { type Priority, priorityNames } from '@musicgen/contract';

/** How many priorities are worse: the best has the highest level. */
export function levelOf(priority: Priority): number {
  return priorityNames.length - 1 - priorityNames.indexOf(priority);
}
