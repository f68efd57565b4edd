import { announce } from './announce.ts';

/** Puts text where the reader can paste it from, also where the page was not loaded over TLS. */
export async function copy(text: string, what: string): Promise<void> {
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else copyBySelection(text);
  announce(`${what} copied.`);
}

function copyBySelection(text: string): void {
  const field = document.createElement('textarea');
  field.value = text;
  field.style.position = 'fixed';
  document.body.append(field);
  field.select();
  document.execCommand('copy');
  field.remove();
}
