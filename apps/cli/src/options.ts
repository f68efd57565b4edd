import { type Priority, parsePriority, priorityNames } from '@musicgen/contract';
import { InvalidArgumentError, Option } from 'commander';

export function jsonOption(): Option {
  return new Option('--json', 'print JSON');
}

export function yesOption(): Option {
  return new Option('-y, --yes', 'do not ask');
}

export function priorityOption(description: string): Option {
  return new Option('-p, --priority <priority>', description).argParser(toPriority);
}

/** A priority as people write it: a name in any case, or its number. */
export function toPriority(text: string): Priority {
  const priority = parsePriority(text);
  if (priority === undefined)
    throw new InvalidArgumentError(`It must be one of ${priorityNames.join(', ')}.`);
  return priority;
}

/** The id of a task. */
export function toTaskId(text: string): string {
  if (isTaskId(text)) return text;
  throw new InvalidArgumentError('It must be the id of a task, as `musicgen ls` shows it.');
}

/** For commands that take several. */
export function toTaskIds(text: string, before: string[] = []): string[] {
  return [...before, toTaskId(text)];
}

export function isTaskId(text: string): boolean {
  return /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text);
}

/** What is allowed beyond being a number, the service says. */
export function toNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number.');
  return value;
}

export function toCount(text: string): number {
  const value = toWhole(text);
  if (value < 1) throw new InvalidArgumentError('It must be 1 or more.');
  return value;
}

export function toWhole(text: string): number {
  const value = toNumber(text);
  if (!Number.isInteger(value) || value < 0)
    throw new InvalidArgumentError('It must be a whole number, 0 or more.');
  return value;
}
