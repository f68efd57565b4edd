import { ApiError, createClient } from './index.ts';
import { type Answer, events, hangUp, json, keepSilent, problem, startFailingService } from './test-setup.ts';

const task = { id: 'a', status: 'pending', request: { seed: 7 }, error: null };

async function rejectionOf(promise: Promise<unknown>): Promise<ApiError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

test('a submission that got no answer is sent again under the same idempotency key', async () => {
  await using service = await startFailingService([hangUp, problem(502, 'x'), json(202, task)]);
  const reasons: string[] = [];
  const client = service.client({ apiKey: 'k', onRetry: ({ reason }) => reasons.push(reason.code) });
  expect(await client.generate({ prompt: 'ländler 🎻 ירושלים' })).toEqual(task);
  const keys = service.received.map(({ headers }) => headers['idempotency-key']);
  expect(new Set(keys).size).toBe(1);
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(reasons).toEqual(['unreachable', 'unreachable']);
  expect(service.received[2]).toMatchObject({
    method: 'POST',
    url: '/api/v1/generate',
    headers: { authorization: 'Bearer k', 'content-type': 'application/json' },
    body: '{"prompt":"ländler 🎻 ירושלים"}',
  });
});

test('two submissions have different keys, unless the caller names them', async () => {
  await using service = await startFailingService([json(202, task)]);
  const client = service.client();
  await client.generate({ prompt: 'x' });
  await client.generate({ prompt: 'x' });
  await client.submitBatch([{ prompt: 'x' }], { idempotencyKey: 'mine' });
  const [first, second, third] = service.received.map(({ headers }) => headers['idempotency-key']);
  expect(first).not.toBe(second);
  expect(third).toBe('mine');
});

test('Retry-After decides when a refused request is sent again', async () => {
  await using service = await startFailingService([
    problem(503, 'queue_full', { 'Retry-After': '1' }),
    json(202, task),
  ]);
  const delays: number[] = [];
  const client = service.client({ onRetry: ({ delayMs }) => delays.push(delayMs) });
  await client.generate({ prompt: 'x' });
  expect(delays).toEqual([1000]);
});

test.each([
  ['a request to come back in an hour', problem(429, 'quota_exceeded', { 'Retry-After': '3600' }), 3600],
  ['a refusal that stays', problem(401, 'unauthorized'), undefined],
])('%s is passed on at once', async (_what, answer, retryAfterSeconds) => {
  await using service = await startFailingService([answer]);
  const error = await rejectionOf(service.client().generate({ prompt: 'x' }));
  expect(error).toMatchObject({ retryAfterSeconds, attempts: 1 });
  expect(service.received).toHaveLength(1);
});

test('what must not be done twice is not sent again when nobody knows whether it was done', async () => {
  await using service = await startFailingService([hangUp]);
  const client = service.client();
  expect(await rejectionOf(client.retryTask('a'))).toMatchObject({ code: 'unreachable', attempts: 1 });
  expect(await rejectionOf(client.createKey({ name: 'x', scopes: ['admin'] }))).toMatchObject({
    attempts: 1,
  });
  expect(service.received).toHaveLength(2);
});

test('a removal whose answer was lost has succeeded when its repetition finds nothing', async () => {
  await using service = await startFailingService([hangUp, problem(410, 'gone')]);
  await service.client().deleteTask('a');
  expect(await rejectionOf(service.client().deleteTask('a'))).toMatchObject({ code: 'gone', attempts: 1 });
});

test('an error names the slug, every field and the request', async () => {
  const body = {
    ...{ type: '/problems/invalid_request', title: 't', status: 422, code: 'invalid_request' },
    ...{ detail: 'duration: must be at most 300; the body: is odd.', request_id: 'r1' },
    errors: [{ pointer: '#/duration', detail: 'must be at most 300' }, { detail: 'is odd' }],
  };
  await using service = await startFailingService([json(422, body)]);
  const error = await rejectionOf(service.client().generate({ prompt: 'x', duration: 301 }));
  expect(error).toMatchObject({ code: 'invalid_request', status: 422, requestId: 'r1', fields: body.errors });
  expect(error.message).toBe(body.detail);
});

test.each([
  ['a page in place of the service', 404, '<html>', 'not_found', /without a problem of the service/],
  ['a proxy that reaches nothing', 502, 'Bad Gateway', 'unreachable', /without a problem of the service/],
  ['a code of a newer service', 403, '{"code":"new","detail":"No."}', 'forbidden', /^No\.$/],
])('%s has a code of the closed list', async (_what, status, body, code, sentence) => {
  await using service = await startFailingService([(res) => res.writeHead(status).end(body)]);
  const error = await rejectionOf(service.client({ maxRetries: 0 }).getTask('a'));
  expect(error).toMatchObject({ code, status, message: expect.stringMatching(sentence) });
});

test('a service that is not there is named with the reason', async () => {
  const client = createClient({ baseUrl: 'http://127.0.0.1:2', maxRetries: 0 });
  const error = await rejectionOf(client.getQueueState());
  expect(error.code).toBe('unreachable');
  expect(error.message).toMatch(/^The service at 127\.0\.0\.1:2 cannot be reached \(.*ECONNREFUSED.*\)\.$/);
});

test('an answer that breaks off in the middle is asked for again', async () => {
  const half: Answer = (res) => {
    res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '100' });
    res.write('{"waiting":', () => res.destroy());
  };
  await using service = await startFailingService([half, json(200, { waiting: 3 })]);
  expect(await service.client().getQueueState()).toEqual({ waiting: 3 });
  await using portal = await startFailingService([(res) => res.end('<html>Log in first</html>')]);
  const error = await rejectionOf(portal.client({ maxRetries: 0 }).getQueueState());
  expect(error).toMatchObject({ code: 'unreachable', message: expect.stringContaining('not JSON') });
});

test('a service that keeps silent is given up after the timeout', async () => {
  await using service = await startFailingService([keepSilent]);
  const error = await rejectionOf(service.client({ maxRetries: 0, timeoutMs: 50 }).getQueueState());
  expect(error).toMatchObject({
    code: 'unreachable',
    message: expect.stringMatching(/did not answer within/),
  });
});

test('a signal ends a call, and the pause before the next attempt', async () => {
  await using service = await startFailingService([problem(503, 'overloaded', { 'Retry-After': '30' })]);
  const controller = new AbortController();
  const client = service.client({ onRetry: () => controller.abort(new Error('enough')) });
  await expect(client.getQueueState({ signal: controller.signal })).rejects.toThrow('enough');
  await expect(client.getQueueState({ signal: controller.signal })).rejects.toThrow('enough');
  expect(service.received).toHaveLength(1);
});

const said = (id: string, event: string, data: object) =>
  `id: ${id}\nevent: ${event}\nretry: 1\ndata: ${JSON.stringify(data)}\n\n`;

test('a stream of events that breaks goes on where it was, and ends with the task', async () => {
  const half = said('3-0', 'progress', { progress: { ratio: 0.5 } });
  await using service = await startFailingService([
    events(
      [said('1-0', 'snapshot', task), ': hello\n\n', said('2-0', 'status', { status: 'processing' })],
      'ends',
    ),
    hangUp,
    events([half, half.slice(0, 20)], 'breaks'),
    events([said('4-0', 'done', { ...task, status: 'completed' })], 'ends'),
  ]);
  const seen: unknown[] = [];
  for await (const { type, task: known } of service.client().followTask('a'))
    seen.push([type, known.status, known.request.seed, known.progress?.ratio]);
  expect(seen).toEqual([
    ['snapshot', 'pending', 7, undefined],
    ['status', 'processing', 7, undefined],
    ['progress', 'processing', 7, 0.5],
    ['done', 'completed', 7, 0.5],
  ]);
  const places = service.received.map(({ headers }) => headers['last-event-id']);
  expect(places).toEqual([undefined, '2-0', '2-0', '3-0']);
});

test('where all events were seen but the last was lost, the task itself tells how it ended', async () => {
  await using service = await startFailingService([
    (res) => res.writeHead(204).end(),
    json(200, { ...task, status: 'expired' }),
  ]);
  expect(await service.client().waitForTask('a')).toMatchObject({ status: 'expired' });
});

test('following gives up when nothing has answered for too long, and at once when the task is gone', async () => {
  await using service = await startFailingService([events([said('1-0', 'snapshot', task)], 'ends'), hangUp]);
  const client = service.client({ maxRetries: 0 });
  expect(await rejectionOf(client.waitForTask('a', { patienceSeconds: 0 }))).toMatchObject({
    code: 'unreachable',
  });
  await using other = await startFailingService([problem(410, 'gone')]);
  expect(await rejectionOf(other.client().waitForTask('a'))).toMatchObject({ code: 'gone' });
});

test('run rejects with the reason of the task', async () => {
  const failed = {
    ...task,
    status: 'failed',
    error: { code: 'out_of_memory', detail: 'Too long.', status: 500 },
  };
  await using service = await startFailingService([
    json(202, task),
    events([said('1-0', 'done', failed)], 'ends'),
  ]);
  expect(await rejectionOf(service.client().run({ prompt: 'x' }))).toMatchObject({
    code: 'out_of_memory',
    message: 'Too long.',
  });
});

test.each([
  ['no address', {}],
  ['another scheme', { baseUrl: 'file:///etc' }],
  ['a password in the address', { baseUrl: 'http://me:secret@localhost' }],
  ['a key with a line break', { baseUrl: 'http://localhost', apiKey: 'a\nb' }],
])('%s is refused', (_what, options) => {
  expect(() => createClient(options)).toThrow(TypeError);
});

test('addresses keep the path that the service has behind a proxy', () => {
  const client = createClient({ baseUrl: 'https://example.org/music/' });
  expect(client.audioUrl('a', { format: 'mp3', download: true })).toBe(
    'https://example.org/music/api/v1/tasks/a/audio?format=mp3&download=1',
  );
  expect(client.waveformUrl('../x')).toBe('https://example.org/music/api/v1/tasks/..%2Fx/waveform.svg');
});
