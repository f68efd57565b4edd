import { priorities } from '@musicgen/contract';
import type { KeptTask } from '../in-process/kept-task.ts';
import { basicFormat, isBasicRecord, readBasicRecord, writeBasicRecord } from './basic-record.ts';

const createdAt = Date.UTC(2026, 10, 27, 19, 24, 57, 123);

/** With every field that there is. */
const whole: KeptTask = {
  task: {
    id: '0199-a',
    status: 'failed',
    priority: 'HIGH',
    request: { prompt: 'lofi "piano" ü', duration: 8, metadata: { mood: 'calm' } },
    owner: 'key-1',
    batchId: 'batch-1',
    batchIndex: 0,
    requestId: 'req-1',
    cost: 8_000,
    expectedMs: 900,
    attempt: 2,
    maxAttempts: 4,
    stalls: 1,
    createdAt,
    updatedAt: createdAt + 5_001,
    startedAt: createdAt + 1_000,
    finishedAt: createdAt + 5_001,
    expiresAt: createdAt + 86_400_000,
    retryAt: createdAt + 9_000,
    worker: 'worker-1',
    cancelRequested: true,
    result: { duration: 8 },
    error: { code: 'out_of_memory', detail: 'The engine had no memory left' },
  },
  queuedAt: createdAt + 1 / 4096,
  checkpoint: Buffer.from([0, 255, 10]),
  deadSince: createdAt + 5_001,
  notify: '{"url":"https://example.org"}',
  idempotency: { key: 'order 7 {x}', requestHash: 'sha256-abc' },
  untold: [{ id: '5-0', status: 'failed', at: createdAt + 5_001 }],
};

const fresh: KeptTask = {
  task: {
    id: '0199-b',
    status: 'pending',
    priority: 'NORMAL',
    request: { prompt: 'lofi' },
    attempt: 0,
    maxAttempts: 1,
    stalls: 0,
    createdAt,
    updatedAt: createdAt,
    expiresAt: createdAt + 60_000,
  },
  queuedAt: createdAt,
};

test.each([
  ['with every field', whole],
  ['just submitted', fresh],
])('a task %s comes back as it was written', (_which, kept) => {
  const text = writeBasicRecord(kept);
  expect(isBasicRecord(text)).toBe(true);
  expect(readBasicRecord(text)).toEqual(kept);
});

test('a reader of the older layout finds every field of it where it expects it', () => {
  const { musicgen, format, ...older } = JSON.parse(writeBasicRecord(whole));
  expect(older).toEqual({
    task_id: '0199-a',
    status: 'failed',
    request: whole.task.request,
    priority: priorities.HIGH,
    created_at: '2026-11-27T19:24:57.123',
    updated_at: '2026-11-27T19:25:02.124',
    started_at: '2026-11-27T19:24:58.123',
    completed_at: '2026-11-27T19:25:02.124',
    error: 'The engine had no memory left',
    result: { duration: 8 },
    metadata: { mood: 'calm' },
    batch_id: 'batch-1',
    batch_index: 0,
    retry_count: 1,
    ttl: 86_400,
  });
  expect([format, musicgen.owner]).toEqual([basicFormat, 'key-1']);
});

test.each([
  ['no JSON', '{', 'format'],
  ['of the older service', '{"task_id":"a","status":"pending"}', 'format'],
  ['without a status', writeBasicRecord(fresh).replace('"pending"', '"sleeping"'), '"status"'],
  ['without a time', writeBasicRecord(fresh).replace('2026-11-27T', 'yesterday '), '"createdAt"'],
])('a text that is %s is refused by the field that is wrong', (_which, text, named) => {
  expect(() => readBasicRecord(text)).toThrow(
    expect.objectContaining({ code: 'corrupt_record', message: expect.stringContaining(named) }),
  );
});
