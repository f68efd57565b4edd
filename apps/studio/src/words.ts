import type { Task } from '@musicgen/client';

/** A span of time: `8 s`, `1 min 20 s`, `2 h 5 min`. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return joined([Math.floor(whole / 60), 'min'], [whole % 60, 's']);
  if (whole < 86_400)
    return joined([Math.floor(whole / 3600), 'h'], [Math.floor((whole % 3600) / 60), 'min']);
  return joined([Math.floor(whole / 86_400), 'd'], [Math.floor((whole % 86_400) / 3600), 'h']);
}

function joined(...parts: [number, string][]): string {
  return parts
    .filter(([count], index) => index === 0 || count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

/** A place on a time line: `0:08`, `12:30`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** `3rd`. */
export function ordinal(place: number): string {
  const endings: Record<string, string> = { one: 'st', two: 'nd', few: 'rd', other: 'th' };
  return `${place}${endings[new Intl.PluralRules('en', { type: 'ordinal' }).select(place)]}`;
}

const timeFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const dateFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

export const timeOfDay = (date: Date | number) => timeFormat.format(date);
export const dateAndTime = (date: Date | number) => dateFormat.format(date);

/** How long ago something was: `just now`, `5 min ago`, the date after a day. */
export function ago(date: number, now: number): string {
  const seconds = (now - date) / 1000;
  if (seconds < 45) return 'just now';
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h ago`;
  return dateAndTime(date);
}

/** `1 task`, `2 tasks`. */
export function count(amount: number, noun: string): string {
  return `${amount.toLocaleString('en')} ${noun}${amount === 1 ? '' : 's'}`;
}

/** Facts in a line that breaks between them, never within one; what is not known is left out. */
export function inLine(facts: readonly (string | false | null)[]): string {
  return facts
    .filter(Boolean)
    .map((fact) => String(fact).replaceAll(' ', '\u00a0'))
    .join('\u00a0· ');
}

/** The beginning of a prompt, for titles and announcements. */
export function shortened(text: string, length = 60): string {
  const characters = [...text];
  return characters.length <= length
    ? text
    : `${characters
        .slice(0, length - 1)
        .join('')
        .trimEnd()}…`;
}

/** Where a task is, in words. */
export function stageOf({ status, stage, queue, progress, attempt }: Task): string {
  if (status === 'pending') return placeOf(queue, attempt);
  switch (stage) {
    case 'loading_model':
      return 'Loading the model';
    case 'encoding_text':
      return 'Reading the prompt';
    case 'generating':
      return progress ? `Composing · frame ${progress.frame} of ${progress.frames}` : 'Composing';
    case 'decoding':
      return 'Turning it into sound';
    case 'encoding_audio':
      return 'Writing the file';
    case 'storing':
      return 'Storing';
    case null:
      return 'Starting';
    default:
      return stage satisfies never;
  }
}

function placeOf(queue: Task['queue'], attempt: number): string {
  if (queue === null) return attempt > 0 ? 'Waiting to be tried again' : 'Waiting';
  if (queue.ahead === 0) return 'Next in line';
  return `${ordinal(queue.ahead + 1)} in line`;
}
