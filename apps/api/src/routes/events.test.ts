import { EventEmitter, once } from 'node:events';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import request from 'supertest';
import { claimNext, createTestApp, submit } from '../test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
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
