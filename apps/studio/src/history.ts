import type { Task } from '@musicgen/client';
import { computed } from '@preact/signals';
import { stored } from './stored.ts';

/** A finished piece as this browser remembers it, after the service has removed it too. */
export interface Memory {
  id: string;
  request: Task['request'];
  duration: number;
  created_at: string;
  expires_at: string;
  /** The service has it no more. */
  isGone?: boolean;
}

const mostKept = 300;
const memories = stored<Memory[]>('history', []);

/** The latest first. */
export const history = computed(() => memories.value);

export function remember(tasks: readonly Task[]): void {
  const known = new Map(memories.value.map((memory) => [memory.id, memory]));
  const news = tasks.filter((task) => task.result !== null && !known.has(task.id)).map(memoryOf);
  if (news.length > 0) replace([...news, ...memories.value]);
}

export function forget(id: string): void {
  replace(memories.value.filter((memory) => memory.id !== id));
}

export function markGone(id: string): void {
  replace(memories.value.map((memory) => (memory.id === id ? { ...memory, isGone: true } : memory)));
}

function replace(list: readonly Memory[]): void {
  memories.value = list.toSorted((a, b) => b.created_at.localeCompare(a.created_at)).slice(0, mostKept);
}

function memoryOf({ id, request, result, created_at, expires_at }: Task): Memory {
  return { id, request, duration: result?.duration ?? request.duration, created_at, expires_at };
}
