import { exportVersion, ServiceError } from '@musicgen/contract';
import { type JsonObject, recordFromFields } from '../task-record.ts';
import {
  type MigratedTask,
  type SourceTask,
  type TargetRules,
  UnfitTask,
  unfitFrom,
} from './migrated-task.ts';
import { taskFromOlder } from './older-task.ts';
import { isObject, nested, textOf, timeOf } from './older-values.ts';
import { taskFromOwn } from './own-task.ts';
import { readLines, tooLong } from './read-lines.ts';
import type { TaskSource } from './task-source.ts';

/** As of a task in Redis. */
const longestLine = 2 ** 20;

export interface LineSourceOptions {
  /** Begins to read from the beginning; called once for each time that all tasks are gone through. */
  open: () => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>;
  batchSize: number;
  rules: TargetRules;
}

/**
 * Tasks as lines of JSON: an export of ours (`exportLineSchema` in the contract), or records of the older service, one
 * a line, as its memory kind has them.
 * @throws ServiceError `invalid_request` for an export of a version that is not known, or that broke off.
 */
export function createLineSource({ open, batchSize, rules }: LineSourceOptions): TaskSource {
  async function* tasks(): AsyncGenerator<SourceTask> {
    let number = 0;
    const whole = createWholeness();
    for await (const line of readLines(await open(), longestLine)) {
      number += 1;
      const read = readLine(line, rules, whole);
      if (read !== undefined) yield { name: `line ${number}`, read };
    }
    whole.check();
  }

  return {
    count: async () => undefined,
    async *pages() {
      let page: SourceTask[] = [];
      for await (const task of tasks()) {
        page.push(task);
        if (page.length < batchSize) continue;
        yield page;
        page = [];
      }
      if (page.length > 0) yield page;
    },
    async *places() {},
    async *remembered() {},
  };
}

type Wholeness = ReturnType<typeof createWholeness>;

/** An export that has begun must end: without its last line it is not whole. */
function createWholeness() {
  let state: 'none' | 'open' | 'ended' = 'none';
  return {
    header(version: unknown): void {
      if (version !== exportVersion) {
        throw new ServiceError(
          'invalid_request',
          `The export has version ${JSON.stringify(version)}; this service reads version ${exportVersion}`,
        );
      }
      state = 'open';
    },
    end(): void {
      state = 'ended';
    },
    check(): void {
      if (state === 'open')
        throw new ServiceError(
          'invalid_request',
          'The export broke off: its last line, "end", is missing. What was in it has been brought; export again and repeat',
        );
    },
  };
}

function readLine(
  line: Buffer | typeof tooLong,
  rules: TargetRules,
  whole: Wholeness,
): SourceTask['read'] | undefined {
  try {
    if (line === tooLong) throw new UnfitTask('too_large', `It is longer than ${longestLine} bytes`);
    const value = nested(textOf(line, 'It'));
    if (!isObject(value)) throw new UnfitTask('unreadable_json', 'It is no JSON object');
    if (value.type === 'header') return void whole.header(value.version);
    if (value.type === 'end') return void whole.end();
    if (value.type === 'cursor') return undefined;
    if (value.type === 'task' && isObject(value.task)) return taskFromExport(value.task);
    return taskFromOlder({ record: value }, rules);
  } catch (error) {
    return unfitFrom(error);
  }
}

const times: readonly string[] = [
  'createdAt',
  'updatedAt',
  'startedAt',
  'finishedAt',
  'expiresAt',
  'retryAt',
];

/** A task of our export: its fields under the names of the HTTP API. */
function taskFromExport(exported: JsonObject): MigratedTask {
  const fields = Object.entries(exported).map(([name, value]): [string, string | undefined] => {
    const own = name.replaceAll(/_[a-z]/g, (part) => part.slice(1).toUpperCase());
    if (times.includes(own)) return [own, timeOf(value)?.toString()];
    if (own === 'error' && isObject(value)) return [own, `${value.code} ${value.detail}`];
    return [own, isObject(value) ? JSON.stringify(value) : String(value)];
  });
  const { id = '', ...rest } = Object.fromEntries(fields);
  if (!/^[\w-]{1,64}$/.test(id))
    throw new UnfitTask('unreadable_record', 'It has no id that a task can have');
  try {
    return taskFromOwn(recordFromFields(id, rest), {});
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throw new UnfitTask('unreadable_record', error.message, { cause: error });
  }
}
