import { once } from 'node:events';
import { createServer } from 'node:net';
import { send } from './send.ts';
import { createTargetPolicy } from './target.ts';
import { useReceivers } from './test-setup.ts';

const startReceiver = useReceivers();
const policy = createTargetPolicy({ allowHttp: true, allowedNetworks: ['127.0.0.0/8', '::1/128'] });
const strict = createTargetPolicy({ allowHttp: true, allowedNetworks: [] });
const never = new AbortController().signal;
const messageTo = (url: string) => ({ url, headers: { 'X-Test': '1' }, body: '{"a":"ü"}' });

test('a message arrives as it was given, and the answer counts', async () => {
  const receiver = await startReceiver(202);
  const outcome = await send(messageTo(receiver.url), { policy, timeoutMs: 5_000, signal: never });
  expect(outcome).toEqual({ kind: 'answered', status: 202 });
  expect(receiver.received).toMatchObject([
    { headers: { 'x-test': '1', 'content-length': '10' }, body: '{"a":"ü"}' },
  ]);
});

test('a redirect is an answer and is not followed', async () => {
  const target = await startReceiver();
  const receiver = await startReceiver((res) => res.writeHead(307, { Location: target.url }).end());
  const outcome = await send(messageTo(receiver.url), { policy, timeoutMs: 5_000, signal: never });
  expect(outcome).toEqual({ kind: 'answered', status: 307 });
  expect(target.received).toEqual([]);
});

test.each([
  ['seconds', '120', 120],
  ['a date', new Date(Date.now() + 3_600_000).toUTCString(), expect.any(Number)],
  ['nonsense', 'soon', undefined],
  ['the past', 'Mon, 01 Jan 2024 00:00:00 GMT', undefined],
])('Retry-After as %s is understood', async (_what, header, seconds) => {
  const receiver = await startReceiver((res) => res.writeHead(429, { 'Retry-After': header }).end());
  const outcome = await send(messageTo(receiver.url), { policy, timeoutMs: 5_000, signal: never });
  expect(outcome).toEqual({ kind: 'answered', status: 429, ...(seconds && { retryAfterSeconds: seconds }) });
});

test('a name that leads to this machine is not connected to', async () => {
  const receiver = await startReceiver();
  const url = `http://localhost:${receiver.port}/`;
  const outcome = await send(messageTo(url), { policy: strict, timeoutMs: 5_000, signal: never });
  expect(outcome).toEqual({ kind: 'blocked', reason: expect.stringContaining('private network') });
  expect(
    await send(messageTo(receiver.url), { policy: strict, timeoutMs: 5_000, signal: never }),
  ).toMatchObject({
    kind: 'blocked',
  });
  expect(receiver.received).toEqual([]);
  expect(await send(messageTo(url), { policy, timeoutMs: 5_000, signal: never })).toMatchObject({
    status: 204,
  });
});

test('a receiver that never answers fails after the time', async () => {
  const receiver = await startReceiver('hang');
  const outcome = await send(messageTo(receiver.url), { policy, timeoutMs: 50, signal: never });
  expect(outcome).toEqual({ kind: 'failed', reason: 'No answer within 0.05 s' });
});

test('an endless answer is cut off', async () => {
  let closed: Promise<unknown> | undefined;
  const receiver = await startReceiver((res) => {
    closed = once(res, 'close');
    const pour = () => {
      while (res.write(Buffer.alloc(65_536)));
    };
    res.writeHead(200).on('drain', pour);
    pour();
  });
  expect(await send(messageTo(receiver.url), { policy, timeoutMs: 20_000, signal: never })).toMatchObject({
    status: 200,
  });
  await closed;
});

test('what is no HTTP at the other end, and nobody there, are failures with a reason', async () => {
  const server = createServer((socket) => socket.resume().end('hello\r\n')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const options = { policy, timeoutMs: 5_000, signal: never };
  expect(await send(messageTo(`http://127.0.0.1:${port}/`), options)).toMatchObject({ kind: 'failed' });
  server.close();
  await once(server, 'close');
  expect(await send(messageTo(`http://127.0.0.1:${port}/`), options)).toEqual({
    kind: 'failed',
    reason: expect.stringContaining('ECONNREFUSED'),
  });
});

test('what we stop ourselves is no failure', async () => {
  const receiver = await startReceiver('hang');
  const stopping = new AbortController();
  const sending = send(messageTo(receiver.url), { policy, timeoutMs: 20_000, signal: stopping.signal });
  await receiver.untilReceived(1);
  stopping.abort();
  expect(await sending).toEqual({ kind: 'interrupted' });
});
