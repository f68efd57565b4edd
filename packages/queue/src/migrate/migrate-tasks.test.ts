import { randomUUID } from 'node:crypto';
import { claimOne } from '../streams/test-setup.ts';
import type { TaskProblem } from './report.ts';
import {
  claimAll,
  contentOf,
  day,
  expectNothingToRepair,
  pythonTime,
  tasksOf,
  usePlaces,
  writeOlderBasic,
  writeOlderHash,
} from './test-setup.ts';

const places = usePlaces();

describe('from the older advanced kind', () => {
  test('waiting tasks come in the order of stream and queues, whatever shape their values have', async () => {
    const { target, source, migrate } = await places();
    const request = (prompt: string, more = '') =>
      `{'prompt': '${prompt}', 'duration': 8.0, 'seed': None${more}}`;
    const hash = (prompt: string, secondsAgo: number, more: object) =>
      writeOlderHash(source, {
        id: randomUUID(),
        fields: { status: 'pending', request: request(prompt), ...more },
        secondsAgo,
        ttlSeconds: day,
        queue: 'normal',
      });
    await hash('third', 50, { priority: '5' });
    await hash('second, in the same second as the third by its stream entry', 50, { priority: 'NORMAL' });
    await hash('first', 60, { priority: 'TaskPriority.NORMAL', status: 'queued' });
    await writeOlderHash(source, {
      id: randomUUID(),
      fields: { status: 'TaskStatus.PENDING', request: '{"prompt": "best"}', priority: '20' },
      secondsAgo: 10,
      queue: 'critical',
      ttlSeconds: day,
    });
    await writeOlderHash(source, {
      id: randomUUID(),
      fields: { status: 'pending', request: "{'prompt': 'worst'}" },
      secondsAgo: 1000,
      queue: 'low',
      ttlSeconds: day,
    });
    const before = await contentOf(source);
    expect(await migrate({ verify: true })).toMatchObject({
      total: 5,
      migrated: 5,
      verified: 5,
      skipped: 0,
      failed: 0,
    });
    await expectNothingToRepair(target);
    expect((await target.queue.createMonitor().counts()).pending).toBe(5);
    expect(await claimAll(target)).toEqual([
      'best',
      'first',
      'third',
      'second, in the same second as the third by its stream entry',
      'worst',
    ]);
    expect(await contentOf(source)).toEqual(before);
  });

  test('a task that was being worked on waits again with its attempt counted; finished ones keep what came of them', async () => {
    const { target, source, migrate } = await places();
    const began = Date.now();
    const at = (secondsAgo: number) => pythonTime(secondsAgo);
    const write = (prompt: string, fields: Record<string, string>, ttlSeconds?: number) =>
      writeOlderHash(source, {
        id: randomUUID(),
        fields: { request: `{'prompt': '${prompt}'}`, priority: '10', ...fields },
        secondsAgo: 7200,
        ...(ttlSeconds !== undefined && { ttlSeconds }),
      });
    await write('running', { status: 'processing', retry_count: '1', started_at: at(60) }, 600);
    await write('exhausted', { status: 'processing', retry_count: '9' }, 600);
    await write(
      'done',
      {
        status: 'completed',
        result: "{'audio_url': '/outputs/a.wav', 'seconds': 8.0}",
        started_at: at(90),
        completed_at: at(30),
      },
      3600,
    );
    await write(
      'failed',
      { status: 'failed', error: 'CUDA out of memory', completed_at: at(20), retry_count: '3' },
      3600,
    );
    await write('dropped', { status: 'cancelled' }, 3600);
    await write('late', { status: 'expired' }, 3600);
    expect(await migrate({ verify: true })).toMatchObject({ migrated: 6, verified: 6, failed: 0 });
    await expectNothingToRepair(target);

    const tasks = await tasksOf(target);
    /** Whether a task goes that many seconds after it was written: some time after this test began. */
    const goesAfter = (prompt: string, seconds: number) => {
      const writtenAt = (tasks.get(prompt)?.expiresAt ?? 0) - seconds * 1000;
      return writtenAt > began - 1000 && writtenAt <= Date.now();
    };
    expect(tasks.get('running')).toMatchObject({
      status: 'pending',
      priority: 'HIGH',
      attempt: 2,
      maxAttempts: 4,
    });
    expect(tasks.get('exhausted')).toMatchObject({ status: 'pending', attempt: 3, maxAttempts: 4 });
    expect(tasks.get('done')).toMatchObject({
      status: 'completed',
      result: { imported: { audio_url: '/outputs/a.wav', seconds: 8 } },
    });
    expect(tasks.get('failed')).toMatchObject({
      status: 'failed',
      error: { code: 'generation_failed', detail: 'CUDA out of memory' },
    });
    expect([tasks.get('dropped')?.status, tasks.get('late')?.status]).toEqual(['cancelled', 'expired']);
    expect([goesAfter('running', 600), goesAfter('done', 3600)]).toEqual([true, true]);
    expect(await target.queue.createMonitor().counts()).toEqual({
      pending: 2,
      processing: 0,
      completed: 1,
      failed: 1,
      cancelled: 1,
      expired: 1,
    });
    const { byPriority, byAge } = await target.queue.createMonitor().existing();
    expect(byPriority.HIGH).toBe(6);
    expect(byAge.filter(({ count }) => count > 0)).toEqual([{ fromMinutes: 60, count: 6 }]);

    const { consumer } = target;
    expect((await claimOne(consumer)).task.attempt).toBeGreaterThan(1);
  });
});

describe('from the older basic kind', () => {
  test('names, numbers and no priority; microseconds; lost ends; unknown fields; ids that are no UUID', async () => {
    const { target, source, migrate } = await places();
    const id = randomUUID();
    await writeOlderBasic(
      source,
      id,
      { id, status: 'queued', request: { prompt: 'plain' }, created_at: pythonTime(100) },
      5000,
    );
    await writeOlderBasic(source, 'job-7', {
      task_id: 'job-7',
      status: 'pending',
      request: { prompt: 'named', duration: '12', model: 'facebook/musicgen-small', style: { mood: 'calm' } },
      priority: 'high',
      created_at: pythonTime(50),
      metadata: { customer: 'c-1', rating: 5 },
      batch_id: 'batch-1',
      batch_index: 2,
      gpu: 'A100',
    });
    await writeOlderBasic(source, randomUUID(), {
      status: 'completed',
      request: { prompt: 'long past' },
      priority: 1,
      created_at: pythonTime(10 * day),
      result: [1, 2],
    });
    await writeOlderBasic(
      source,
      randomUUID(),
      `{"status": "failed", "request": {"prompt": "odd numbers"}, "score": NaN, "error": {"code": "out_of_memory", "message": "no memory"}, "created_at": "${pythonTime(60)}"}`,
      900,
    );
    const report = await migrate({ verify: true });
    expect(report).toMatchObject({
      total: 4,
      migrated: 4,
      verified: 4,
      failed: 0,
      renamed: [{ from: 'job-7' }],
    });
    await expectNothingToRepair(target);

    const tasks = await tasksOf(target);
    expect(tasks.get('plain')).toMatchObject({ id, status: 'pending', priority: 'NORMAL' });
    expect(tasks.get('named')).toMatchObject({
      id: report.renamed[0]?.to,
      priority: 'HIGH',
      batchIndex: 2,
      cost: 12_000,
      request: {
        duration: 12,
        priority: 'HIGH',
        metadata: {
          customer: 'c-1',
          rating: '5',
          model: 'facebook/musicgen-small',
          style: '{"mood":"calm"}',
          gpu: 'A100',
          task_id: 'job-7',
        },
      },
    });
    // Its end was lost with its first update and would be long past: it gets its whole time once more.
    const left = ((tasks.get('long past')?.expiresAt ?? 0) - Date.now()) / 1000;
    expect([left > day - 60, left <= day]).toEqual([true, true]);
    expect(tasks.get('long past')?.result).toEqual({ imported: { value: [1, 2] } });
    expect(tasks.get('odd numbers')?.error).toEqual({ code: 'out_of_memory', detail: 'no memory' });
  });

  test('what cannot be migrated is named, counted and left where it is', async () => {
    const { source, migrate } = await places();
    const good = { status: 'pending', request: { prompt: 'a' }, created_at: pythonTime(10) };
    const odd: Record<string, object | string> = {
      unparsable: '{"status": "pending", "request": {"prom',
      'no-object': '[1, 2]',
      'no-status': { request: { prompt: 'a' } },
      'odd-status': { ...good, status: 'paused' },
      'odd-priority': { ...good, priority: 7 },
      'no-request': { ...good, request: null },
      'no-prompt': { ...good, request: { duration: 3 } },
      'long-prompt': { ...good, request: { prompt: 'a'.repeat(2001) } },
      'long-piece': { ...good, request: { prompt: 'a', duration: 301 } },
      hot: { ...good, request: { prompt: 'a', temperature: 40 } },
      'odd-time': { ...good, created_at: 'yesterday' },
      huge: { ...good, note: 'x'.repeat(2 ** 20) },
      deep: `{"status": "pending", "request": {"prompt": "a", "x": ${'['.repeat(200_000)}${']'.repeat(200_000)}}}`,
      good,
    };
    for (const [id, record] of Object.entries(odd)) await writeOlderBasic(source, id, record);
    await source.set('musicgen:task:binary', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]));
    await source.set(Buffer.from([...Buffer.from('musicgen:task:'), 0xff]), JSON.stringify(good));
    await source.rpush('musicgen:task:list', 'no task');
    const before = await contentOf(source);
    const told: TaskProblem[] = [];
    const report = await migrate({ verify: true, cleanUp: true, onProblem: (problem) => told.push(problem) });
    const reasons = report.problems.map(({ name, reason }) => [name.replace('musicgen:task:', ''), reason]);
    expect(Object.fromEntries(reasons)).toEqual({
      unparsable: 'unreadable_json',
      'no-object': 'unreadable_json',
      'no-status': 'unknown_status',
      'odd-status': 'unknown_status',
      'odd-priority': 'unknown_priority',
      'no-request': 'unreadable_request',
      'no-prompt': 'unreadable_request',
      'long-prompt': 'beyond_limits',
      'long-piece': 'beyond_limits',
      hot: 'beyond_limits',
      'odd-time': 'unreadable_time',
      huge: 'too_large',
      deep: 'unreadable_record',
      binary: 'not_utf8',
      '?': 'not_utf8',
      list: 'not_a_task',
    });
    expect(report).toMatchObject({ total: 17, migrated: 1, skipped: 16, failed: 0, removed: 1 });
    expect(report.skippedBecause.beyond_limits).toBe(3);
    expect(told).toEqual(report.problems);
    expect(told.find(({ name }) => name.endsWith('long-piece'))?.detail).toBe(
      'request.duration: above the 300 seconds of MAX_DURATION_SECONDS',
    );
    await writeOlderBasic(source, 'good', good);
    expect(await contentOf(source)).toEqual(before);
  });
});

test('a target whose memory is full takes nothing; with room again, the migration goes on', async () => {
  const { target, source, migrate } = await places();
  await writeOlderBasic(source, randomUUID(), {
    status: 'pending',
    request: { prompt: 'a' },
    created_at: pythonTime(10),
  });
  await target.redis.config('SET', 'maxmemory', '1');
  await expect(migrate()).rejects.toMatchObject({ message: expect.stringContaining('memory is full') });
  await target.redis.config('SET', 'maxmemory', '0');
  expect(await tasksOf(target)).toEqual(new Map());
  expect(await migrate({ verify: true })).toMatchObject({ migrated: 1, verified: 1 });
});
