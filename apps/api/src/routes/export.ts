import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type ExportLine, exportVersion } from '@musicgen/contract';
import type { QueueAdmin, TaskPage, TaskRecord } from '@musicgen/queue';
import { z } from 'zod';
import type { AppOptions } from '../app.ts';
import { type Route, route } from '../openapi/route.ts';
import { timestamp } from '../timestamps.ts';

const pageLength = 100;

/**
 * Every task as NDJSON, one page in memory at a time and only as fast as the caller reads. The format is
 * `exportLineSchema` in the contract; `docs/operations.md` explains it.
 */
export function exportRoute({ admin }: Pick<AppOptions, 'admin'>): Route {
  return route({
    operationId: 'exportTasks',
    method: 'get',
    path: '/api/v1/admin/tasks/export',
    tag: 'Operation',
    scope: 'admin',
    summary: 'Every task, one JSON object a line',
    description:
      'A header line, lines with tasks, after each page the `cursor` to go on from when the connection breaks, and an `end` line without which the export is not whole. A task may come twice; the later line is the newer.',
    query: z.strictObject({
      cursor: z
        .string()
        .regex(/^\d{1,20}$/, 'must be the cursor of a line of an export')
        .default('0')
        .describe('The last `cursor` of an export that broke off.'),
    }),
    responses: { 200: { description: 'The lines.', contentType: 'application/x-ndjson' } },
    errors: ['invalid_request', 'dependency_unavailable'],
    handle: async ({ query: { cursor } }, res) => {
      // The first page is read before the answer begins, while it can still be a refusal.
      const first = await admin.everyTask({ limit: pageLength, cursor });
      res.type('application/x-ndjson').set('Cache-Control', 'no-store');
      await pipeline(Readable.from(exportedText(admin, first)), res).catch((error: unknown) => {
        // A caller that went away is no failure of ours.
        if (!res.closed) throw error;
      });
    },
  });
}

async function* exportedText(admin: QueueAdmin, first: TaskPage): AsyncGenerator<string> {
  for await (const lines of exportedLines(admin, first)) {
    yield lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  }
}

async function* exportedLines(admin: QueueAdmin, first: TaskPage): AsyncGenerator<ExportLine[]> {
  const exported_at = timestamp(Date.now());
  yield [{ type: 'header', format: 'musicgen-tasks', version: exportVersion, exported_at }];
  let tasks = 0;
  for (let page: TaskPage | undefined = first; page !== undefined; page = await pageAfter(admin, page)) {
    tasks += page.tasks.length;
    const lines = page.tasks.map((record) => ({ type: 'task' as const, task: exportedTask(record) }));
    yield page.next === undefined ? lines : [...lines, { type: 'cursor', cursor: page.next }];
  }
  yield [{ type: 'end', tasks }];
}

async function pageAfter(admin: QueueAdmin, { next }: TaskPage): Promise<TaskPage | undefined> {
  return next === undefined ? undefined : admin.everyTask({ limit: pageLength, cursor: next });
}

/** The record under the names of the HTTP API; what only this queue and the attempt that runs now mean is left out. */
function exportedTask({ worker, stage, progress, cancelRequested, place, ...record }: TaskRecord) {
  const fields = Object.entries(record).map(([name, value]) => [
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    name.endsWith('At') ? timestamp(Number(value)) : value,
  ]);
  return Object.fromEntries(fields);
}
