import { createLogger as createWinstonLogger, format, type Logger, transports } from 'winston';

export type { Logger } from 'winston';

export interface LoggerOptions {
  service: string;
  level: string;
  /** Standard output where nothing is said. */
  destination?: NodeJS.WritableStream;
}

/** One JSON object a line. Child loggers add `request_id`, `task_id` and the like. */
export function createLogger({ service, level, destination = process.stdout }: LoggerOptions): Logger {
  return createWinstonLogger({
    level,
    defaultMeta: { service },
    format: format.printf(toLine),
    transports: [new transports.Stream({ stream: destination })],
  });
}

function toLine({ level, message, ...rest }: Record<string, unknown>): string {
  const line = { time: new Date().toISOString(), level, msg: message, ...rest };
  // A replacer is called for every value, and most lines have none that needs it.
  const isFlat = Object.values(rest).every((value) => typeof value !== 'object');
  return isFlat ? JSON.stringify(line) : JSON.stringify(line, withErrors);
}

function withErrors(_key: string, value: unknown): unknown {
  return value instanceof Error ? describeError(value) : value;
}

/** JSON.stringify turns an error into `{}`; this keeps what an operator needs. */
function describeError(error: Error): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  return {
    name,
    ...('code' in error && { code: error.code }),
    message,
    stack,
    ...(cause !== undefined && { cause }),
  };
}
