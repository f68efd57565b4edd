import type { Task } from '@musicgen/client';
import { computed } from '@preact/signals';
import { stored } from '../stored.ts';
import { isUnfinished, tasks } from '../tasks.ts';
import { now } from '../time.ts';

const recentMs = 15 * 60_000;
const mostShown = 8;

const dismissed = stored<string[]>('dismissed', [], sessionStorage);

/** Hides an ended task from *Now*. */
export function dismiss(id: string): void {
  dismissed.value = [...dismissed.value, id].slice(-200);
}

/** What has ended lately, the latest first. */
export const recent = computed<Task[]>(() => {
  const hidden = new Set(dismissed.value);
  return tasks.value
    .filter((task) => !isUnfinished(task) && !hidden.has(task.id) && endedAt(task) > now.value - recentMs)
    .toSorted((a, b) => endedAt(b) - endedAt(a))
    .slice(0, mostShown);
});

const endedAt = ({ finished_at, updated_at }: Task) => Date.parse(finished_at ?? updated_at);
