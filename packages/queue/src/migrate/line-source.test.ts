import { randomUUID } from 'node:crypto';
import { createLineSource } from './line-source.ts';
import { migrateTasks } from './migrate-tasks.ts';
import { claimAll, expectNothingToRepair, rules, tasksOf, usePlaces } from './test-setup.ts';

const places = usePlaces();

const header = {
  type: 'header',
  format: 'musicgen-tasks',
  version: 1,
  exported_at: new Date().toISOString(),
};
/** A line of an export of ours. */
const exported = (text: string, more: object = {}) => ({
  type: 'task',
  task: {
    request: { prompt: text, duration: 3 },
    id: randomUUID(),
    status: 'pending',
    priority: 'NORMAL',
    attempt: 0,
    max_attempts: 4,
    stalls: 0,
    created_at: new Date(Date.now() - 5000).toISOString(),
    updated_at: new Date(Date.now() - 5000).toISOString(),
    expires_at: new Date(Date.now() + 60_000).toISOString(),
    ...more,
  },
});

const sourceFrom = (lines: readonly (object | string | Buffer)[]) =>
  createLineSource({
    async *open() {
      const bytes = lines.map((line) =>
        Buffer.isBuffer(line) ? line : Buffer.from(typeof line === 'string' ? line : JSON.stringify(line)),
      );
      const text = Buffer.concat(bytes.flatMap((line) => [line, Buffer.from('\n')]));
      // In pieces that end anywhere.
      for (let from = 0; from < text.length; from += 777) yield text.subarray(from, from + 777);
    },
    batchSize: 2,
    rules,
  });

test('an export of ours and records of the older memory kind are read, whatever else stands between them', async () => {
  const { target } = await places();
  const source = sourceFrom([
    header,
    exported('late', { created_at: new Date(Date.now() - 1000).toISOString() }),
    exported('done', { status: 'completed', result: { bytes: 3 }, finished_at: new Date().toISOString() }),
    exported('failed', {
      status: 'failed',
      error: { code: 'out_of_memory', detail: 'full' },
      finished_at: new Date().toISOString(),
    }),
    { type: 'cursor', cursor: '17' },
    exported('early'),
    '{"task_id": "old-1", "status": "processing", "request": {"prompt": "older"}, "created_at": "2026-11-01T00:00:00"}',
    'no json',
    Buffer.from([0xff, 0xfe]),
    'x'.repeat(2 ** 20 + 1),
    exported('odd', { id: 'a/b' }),
    exported('odd', { max_attempts: undefined }),
    '{"status": "pending", "request": {"prompt": "without an id"}}',
    '',
    { type: 'end', tasks: 6 },
  ]);
  const report = await migrateTasks({ source, target: target.queue, verify: true });
  expect(report).toMatchObject({
    migrated: 5,
    verified: 5,
    skipped: 6,
    skippedBecause: { unreadable_json: 1, not_utf8: 1, too_large: 1, unreadable_record: 3 },
  });
  expect(report.problems.map(({ name }) => name)).toEqual([
    'line 8',
    'line 9',
    'line 10',
    'line 11',
    'line 12',
    'line 13',
  ]);
  const copies = await tasksOf(target);
  expect(copies.get('done')?.result).toEqual({ bytes: 3 });
  expect(copies.get('failed')?.error).toEqual({ code: 'out_of_memory', detail: 'full' });
  expect(await claimAll(target)).toEqual(['older', 'early', 'late']);
  await expectNothingToRepair(target);
});

test('an export that broke off brings what it has, says so, and is gone on with when it is whole', async () => {
  const { target } = await places();
  const tasks = [exported('a'), exported('b'), exported('c')];
  const broken = migrateTasks({ source: sourceFrom([header, ...tasks.slice(0, 2)]), target: target.queue });
  await expect(broken).rejects.toMatchObject({
    code: 'invalid_request',
    message: expect.stringContaining('broke off'),
  });
  const whole = sourceFrom([header, ...tasks, { type: 'end', tasks: 3 }]);
  expect(await migrateTasks({ source: whole, target: target.queue })).toMatchObject({
    migrated: 1,
    alreadyThere: 2,
  });
  expect((await claimAll(target)).sort()).toEqual(['a', 'b', 'c']);
});

test('an export of another version is refused', async () => {
  const { target } = await places();
  const source = sourceFrom([{ ...header, version: 2 }]);
  await expect(migrateTasks({ source, target: target.queue })).rejects.toMatchObject({
    code: 'invalid_request',
  });
});
