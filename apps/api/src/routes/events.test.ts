import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { createParser } from 'eventsource-parser';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import request from 'supertest';
import { claimNext, createTestApp, submit } from '../test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
});
afterAll(() => server.stop());

describe('events', () => {
  test('are for GET only', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { body } = await submit(context, { prompt: 'x' });
    expect((await request(context.app).head(body.links.events)).status).toBe(405);
  });

  test('tell a task from its snapshot to its end, and resume without gap or repeat', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { body } = await submit(context, { prompt: 'x' });
    const listening = context.app.listen(0);
    const { port } = listening.address() as { port: number };
    const url = `http://127.0.0.1:${port}${body.links.events}`;
    const live = collectEvents(await fetch(url));
    await live.until('snapshot');

    const claim = await claimNext(context.consumer);
    await context.consumer.heartbeat([{ claim, stage: 'generating', progress: { frame: 5, frames: 10 } }]);
    await live.until('progress');
    await context.consumer.fail(claim, { code: 'generation_failed', detail: 'NaN', retryable: false });
    const events = await live.all();

    expect(events.map(({ event }) => event)).toEqual(['snapshot', 'status', 'progress', 'done']);
    expect(events[2]?.data).toMatchObject({
      stage: 'generating',
      progress: { ratio: 0.5, frame: 5, frames: 10 },
    });
    expect(events[3]?.data).toMatchObject({
      status: 'failed',
      error: { code: 'generation_failed', detail: 'NaN' },
    });

    const resumed = await collectEvents(
      await fetch(url, { headers: { 'Last-Event-ID': events[1]?.id ?? '' } }),
    ).all();
    expect(resumed.map(({ id, event }) => [id, event])).toEqual(
      events.slice(2).map(({ id, event }) => [id, event]),
    );
    const seenAll = await fetch(url, { headers: { 'Last-Event-ID': events[3]?.id ?? '' } });
    expect(seenAll.status).toBe(204);
    const late = await collectEvents(await fetch(url)).all();
    expect(late.map(({ event }) => event)).toEqual(['snapshot', 'done']);
    listening.close();
  });
});

test('however many clients follow tasks, one connection to Redis reads for them all', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const listening = context.app.listen(0);
  const { port } = listening.address() as { port: number };
  const leave = new AbortController();
  const follow = async () => {
    const { body } = await submit(context, { prompt: 'x' });
    const url = `http://127.0.0.1:${port}${body.links.events}`;
    const events = collectEvents(await fetch(url, { signal: leave.signal }));
    await events.until('snapshot');
    return events;
  };
  const connections = async () =>
    String(await context.redis.client('LIST'))
      .trim()
      .split('\n');
  const first = await follow();
  const withOne = (await connections()).length;
  const streams = await Promise.all(Array.from({ length: 40 }, follow));
  const open = await connections();
  expect([open.length, open.filter((line) => line.includes('cmd=xread')).length]).toEqual([withOne, 1]);
  leave.abort();
  await Promise.all([first, ...streams].map((events) => events.all().catch(() => {})));
  listening.close();
});

test.each([
  ['older than everything the stream still holds', '1-0'],
  ['newer than the stream, whose last second was lost', '99999999999999-0'],
])('an event id %s starts over with a snapshot', async (_what, id) => {
  await using context = await createTestApp({ redisUrl: server.url });
  const { body } = await submit(context, { prompt: 'x' });
  await request(context.app).post(body.links.cancel);
  const response = await request(context.app).get(body.links.events).set('Last-Event-ID', id);
  expect(response.text.match(/^event:.*$/gm)).toEqual(['event:snapshot', 'event:done']);
});

test('a client that does not read is cut off before it costs memory, and goes on without a gap', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const { body } = await submit(context, { prompt: 'x' });
  await claimNext(context.consumer);
  // In the file system, where the system buffers little of its own.
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-events-'));
  const socketPath = join(folder, 'socket');
  const listening = context.app.listen(socketPath);
  const connected = once(listening, 'connection');
  const open = async (headers: Record<string, string> = {}) => {
    const options = { socketPath, path: body.links.events, headers: { Host: 'localhost', ...headers } };
    const [response] = await once(httpRequest(options).end(), 'response');
    return response as IncomingMessage;
  };

  const slow = await open();
  const [socket] = (await connected) as [Socket];
  const cutOff = new Promise((resolve) => socket.once('close', resolve));
  const most = 3_000;
  const told = context.redis.pipeline();
  for (let frame = 1; frame <= most; frame++)
    told.xadd(`${context.prefix}:task:stream`, '*', ...progressEvent(body.id, { frame, frames: most }));
  await told.exec();
  await cutOff;
  const seen = await readUntilCut(slow);
  expect(seen.length).toBeGreaterThan(10);
  expect(seen.length).toBeLessThan(most);

  const resumed = await open({ 'Last-Event-ID': seen.at(-1)?.id ?? '' });
  const rest = await readUntilCut(resumed, ({ frame }) => frame === most);
  const frames = [...seen, ...rest].flatMap(({ frame }) => frame ?? []);
  expect(frames).toEqual(Array.from({ length: most }, (_, index) => index + 1));
  listening.close();
  await rm(folder, { recursive: true });
});

/** As the scripts write it. */
function progressEvent(id: string, { frame, frames }: { frame: number; frames: number }): string[] {
  const fields = { id, type: 'progress', priority: 'NORMAL', attempt: 1, stage: 'generating', frame, frames };
  return Object.entries(fields).flatMap(([name, value]) => [name, String(value)]);
}

interface SeenEvent {
  id: string | undefined;
  frame: number | undefined;
}

/** The whole events of a response that breaks off, or those up to one. */
async function readUntilCut(
  response: IncomingMessage,
  isLast: (event: SeenEvent) => boolean = () => false,
): Promise<SeenEvent[]> {
  const seen: SeenEvent[] = [];
  const parser = createParser({
    onEvent: ({ id, data }) => seen.push({ id, frame: JSON.parse(data).progress?.frame }),
  });
  try {
    for await (const chunk of response) {
      parser.feed(String(chunk));
      if (seen.some(isLast)) break;
    }
  } catch {
    // Broken off, as expected.
  }
  return seen;
}

/** Reads an event stream as it comes. */
function collectEvents(response: Response) {
  const events: { id: string | undefined; event: string | undefined; data: unknown }[] = [];
  const arrivals = new EventEmitter();
  const finished = (async () => {
    if (response.body === null) return;
    const stream = response.body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    for await (const { id, event = '', data } of stream) {
      events.push({ id, event, data: JSON.parse(data) });
      arrivals.emit(event);
    }
  })();
  return {
    async until(name: string): Promise<void> {
      if (!events.some(({ event }) => event === name)) await once(arrivals, name);
    },
    async all() {
      await finished;
      return events;
    },
  };
}
