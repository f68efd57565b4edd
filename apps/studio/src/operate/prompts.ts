import { signal } from '@preact/signals';
import { operation } from '../service.ts';
import { taskOf } from '../tasks.ts';

/** Prompts of what workers held while this page was open and it did not know otherwise, the latest last. */
const read = signal<ReadonlyMap<string, string>>(new Map());
const keptPrompts = 500;

export const promptOf = (id: string) => taskOf(id)?.request.prompt ?? read.value.get(id);

/** Asks for the prompt of a task that this page does not know; one that may not be read stays unknown. */
export function readPrompt(id: string): void {
  if (promptOf(id) !== undefined) return;
  operation.value.getTask(id).then(
    ({ request }) => {
      read.value = new Map([...read.value, [id, request.prompt] as const].slice(-keptPrompts));
    },
    () => {},
  );
}
