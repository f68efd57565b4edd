import { signal } from '@preact/signals';

/** What a screen reader is told next, politely. */
export const announcement = signal('');

export function announce(text: string): void {
  announcement.value = text;
}
