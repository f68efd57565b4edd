import type { Task } from '@musicgen/client';
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { history, type Memory } from '../history.ts';
import { connection } from '../service.ts';
import { load, taskOf } from '../tasks.ts';

interface Found {
  task: Task | undefined;
  /** What the browser remembers, where the service has nothing. */
  memory: Memory | undefined;
  isMissing: boolean;
  error: unknown;
}

/** A task by its id: known already, or asked for. */
export function useTask(id: string): Found {
  const isAsked = useSignal(false);
  const error = useSignal<unknown>(undefined);
  const task = taskOf(id);
  const isAway = connection.value === 'away';
  useEffect(() => {
    if (task !== undefined || isAway) return;
    load(id)
      .catch((thrown: unknown) => {
        error.value = thrown;
      })
      .finally(() => {
        isAsked.value = true;
      });
  }, [id, isAway]);
  const memory = history.value.find((one) => one.id === id);
  return { task, memory, isMissing: isAsked.value && task === undefined, error: error.value };
}
