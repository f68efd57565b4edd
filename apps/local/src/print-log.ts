import { styleText } from 'node:util';
import type { LogLine } from './service-process.ts';

const colours = { error: 'red', warn: 'yellow', info: 'green', debug: 'gray' } as const;

/** A JSON log line for a person: time, process, message, and the fields that say which task. */
export function printLog({
  time,
  level,
  msg,
  service,
  task_id,
  priority,
  status,
  route,
  reason,
}: LogLine): void {
  const colour = colours[level as keyof typeof colours] ?? 'white';
  const fields = Object.entries({ task_id, priority, status, route, reason })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`);
  console.log([time.slice(11, 19), styleText(colour, String(service).padEnd(6)), msg, ...fields].join(' '));
}
