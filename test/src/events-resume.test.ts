import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { createFleet, type Fleet } from './processes.ts';

// Real processes on a machine that may be busy.
jest.setTimeout(120_000);

let redis: RedisServer;
let fleet: Fleet;
beforeEach(async () => {
  redis = await startRedisServer();
  fleet = await createFleet(redis.url);
});
afterEach(async () => {
  await fleet.stop();
  await redis.stop();
});

interface SentEvent {
  id: string;
  event: string;
  data: string;
}

test('a client cut off at one API process goes on at another, without a gap or a repeat', async () => {
  const [first, second] = await Promise.all([fleet.startApi(), fleet.startApi()]);
  await Promise.all([first, second].map(({ process }) => process.untilLogged('ready')));
  const { id } = await first.client.generate({ prompt: 'lofi piano', duration: 30, seed: 7 });
  const path = `/api/v1/tasks/${id}/events`;
  const whole = readEvents(await fetch(first.url + path));

  const seen: SentEvent[] = [];
  let begin = () => {};
  const hasBegun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const pieces = (async () => {
    for (let turn = 0; seen.at(-1)?.event !== 'done'; turn++) {
      const { url } = turn % 2 === 0 ? first : second;
      seen.push(...(await nextTwo(url + path, seen.at(-1)?.id, begin)));
    }
  })();

  await hasBegun;
  fleet.startWorker();
  const told: SentEvent[] = [];
  for await (const event of whole) told.push(event);
  await pieces;
  const names = (events: SentEvent[]) => events.map(({ id: at, event }) => `${at} ${event}`).slice(1);
  // Both begin with a snapshot of their own; from there on they are told the same.
  expect(told.length).toBeGreaterThan(3);
  expect(names(seen)).toEqual(names(told));
  expect(seen.at(-1)?.data).toBe(told.at(-1)?.data);
});

/** The next two events after an id, or the last one; then the client is cut off. */
async function nextTwo(url: string, lastId: string | undefined, onEvent: () => void): Promise<SentEvent[]> {
  const cut = new AbortController();
  const headers: Record<string, string> = lastId === undefined ? {} : { 'Last-Event-ID': lastId };
  const found: SentEvent[] = [];
  for await (const event of readEvents(await fetch(url, { signal: cut.signal, headers }))) {
    onEvent();
    if (found.push(event) === 2) break;
  }
  cut.abort();
  return found;
}

/** The events of a stream as they come. */
async function* readEvents(response: Response): AsyncGenerator<SentEvent> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = eventOf(block);
      if (event !== undefined) yield event;
    }
  }
}

/** One block of lines; comments and `retry` alone make no event. */
function eventOf(block: string): SentEvent | undefined {
  const lineOf = (name: string) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1];
  const [id, event, data] = ['id', 'event', 'data'].map(lineOf);
  return id === undefined || event === undefined || data === undefined ? undefined : { id, event, data };
}
