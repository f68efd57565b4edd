import type { EventEmitter } from 'node:events';
import type { Logger } from './logger.ts';

/**
 * Logs events of a library under their own names, each at its level, with their payload as fields. Libraries only
 * report; what is worth a line is decided here, in the process.
 */
export function logEvents<Events extends Record<keyof Events, [object] | []>>(
  emitter: EventEmitter<Events>,
  levels: Partial<Record<keyof Events & string, 'error' | 'warn' | 'info' | 'debug'>>,
  logger: Logger,
): void {
  for (const [name, level] of Object.entries(levels) as [string, string][]) {
    (emitter as EventEmitter).on(name, ({ taskId, ...fields }: { taskId?: string } = {}) => {
      logger.log(level, name, { ...(taskId !== undefined && { task_id: taskId }), ...fields });
    });
  }
}
