import { failureFromText, failureToText, fieldsFromReply, recordFromFields } from './task-record.ts';

const minimal = {
  status: 'pending',
  priority: 'HIGH',
  request: '{"prompt":"a"}',
  maxAttempts: '3',
  createdAt: '1000',
  expiresAt: '2000',
};

test('fields that are absent stand for their defaults', () => {
  expect(recordFromFields('task-1', minimal)).toEqual({
    id: 'task-1',
    status: 'pending',
    priority: 'HIGH',
    request: { prompt: 'a' },
    attempt: 0,
    maxAttempts: 3,
    stalls: 0,
    createdAt: 1000,
    updatedAt: 1000,
    expiresAt: 2000,
  });
});

test.each([
  ['status', 'lost'],
  ['priority', 'URGENT'],
  ['request', 'not json'],
  ['request', '[]'],
  ['maxAttempts', ''],
  ['createdAt', 'yesterday'],
  ['expiresAt', undefined],
])('a record whose %s is %p is corrupt and says so', (field, value) => {
  expect(() => recordFromFields('task-1', { ...minimal, [field]: value })).toThrow(
    expect.objectContaining({ code: 'corrupt_record', message: expect.stringContaining(`"${field}"`) }),
  );
});

test('a flat reply becomes fields', () => {
  expect(fieldsFromReply(['a', '1', 'b', '2'])).toEqual({ a: '1', b: '2' });
});

test('a failure survives its way through text', () => {
  const failure = { code: 'storage_failed', detail: 'No space left: 0 B free' } as const;
  expect(failureFromText(failureToText(failure))).toEqual(failure);
  expect(failureFromText('')).toEqual({ code: 'internal', detail: '' });
});
