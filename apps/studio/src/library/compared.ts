import { signal } from '@preact/signals';
import { goTo } from '../route.ts';

/** The take that waits for another to be compared with. */
export const compared = signal<string | undefined>(undefined);

/** Chooses a take; the second one shows both. */
export function compare(id: string): void {
  const first = compared.value;
  if (first === undefined) compared.value = id;
  else {
    compared.value = undefined;
    if (first !== id) goTo('library', first, id);
  }
}
