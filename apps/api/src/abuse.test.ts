import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { problemSchema } from '@musicgen/contract';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import fc from 'fast-check';
import { createHttpServer } from './http-server.ts';
import { createTestApp } from './test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
});
afterAll(() => server.stop());

/** Thousands on a quiet machine; a busy one stops earlier. The same each time, so that what fails can be told from a change. */
const [runs, seed] = [4_000, 20_261_128];
const limitMs = 18_000;
/** A request that has no answer by then hangs. */
const hangMs = 10_000;

interface Abuse {
  method: string;
  path: string;
  headers: Record<string, string | string[]>;
  body: string;
}

const value = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom('x', 1, 10, 0, -1, 1.5, 2 ** 53, 1e308, true, null, '', 'LOW', 20, [], {}),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('\0', '\ud800', 'a'.repeat(3_000), '../../etc/passwd', '{{7*7}}', "' OR 1=1"),
  },
);
const field = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...'prompt duration priority ttl seed temperature top_k top_p guidance_scale negative_prompt n'.split(
        ' ',
      ),
      ...'dry_run model metadata continue_from fade_out preview format webhook requests'.split(' '),
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', '', 'te/mpo~') },
  { weight: 1, arbitrary: fc.string({ maxLength: 10 }) },
);
const json = fc
  .array(fc.tuple(field, value), { maxLength: 6 })
  // Written by hand, so that fields may stand twice.
  .map((fields) => `{${fields.map(([name, of]) => `${JSON.stringify(name)}:${JSON.stringify(of)}`).join()}}`);
const body = fc.oneof(
  { weight: 6, arbitrary: json },
  { weight: 1, arbitrary: json.map((request) => `{"requests":[${request},${request}]}`) },
  { weight: 1, arbitrary: json.map((request) => request.slice(0, -1)) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 100 }) },
  { weight: 1, arbitrary: fc.constantFrom('', 'null', '[]', '7', '['.repeat(20_000), 'a'.repeat(70_000)) },
);
const id = fc.oneof(
  fc.constantFrom(randomUUID(), '..', '%2e%2e%2fetc', '%00', 'stream', '%ff', '0'.repeat(500), 'ID%20'),
  fc.string({ maxLength: 20 }).map(encodeURIComponentSafely),
);
const path = fc
  .tuple(
    fc.constantFrom(
      ...'/api/v1/generate /api/v1/batches /api/v1/tasks /api/v1/tasks/{id} /api/v1/tasks/{id}/cancel'.split(
        ' ',
      ),
      ...'/api/v1/tasks/{id}/retry /api/v1/tasks/{id}/events /api/v1/tasks/{id}/audio /problems/{id}'.split(
        ' ',
      ),
      ...'/api/v1/uploads /api/v1/uploads/{id} /api/v1/inspect'.split(' '),
      ...'/docs/{id} /{id} /api/v1/monitoring/tasks/queue/{id} /api/v1/queue /api/v1/models'.split(' '),
    ),
    id,
    fc.oneof(
      { weight: 2, arbitrary: fc.constant('') },
      {
        weight: 1,
        arbitrary: fc
          .array(
            fc.tuple(
              fc.constantFrom('wait', 'limit', 'ttl', 'cursor', 'preview', 'format', 'a[b]', '__proto__'),
              id,
            ),
          )
          .map((pairs) => `?${pairs.map((pair) => pair.join('=')).join('&')}`),
      },
    ),
  )
  .map(([template, of, query]) => template.replace('{id}', of) + query);
const headerText = fc
  .string({
    unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
    maxLength: 60,
  })
  .map((header) => header.replaceAll('\x7f', ''));
const headers = fc.dictionary(
  fc.constantFrom(
    ...'idempotency-key prefer range if-none-match last-event-id x-request-id traceparent accept'.split(' '),
    ...'authorization x-api-key if-range content-encoding cookie origin x-forwarded-for'.split(' '),
  ),
  fc.oneof(headerText, fc.array(headerText, { minLength: 2, maxLength: 3 })),
  { maxKeys: 4 },
);
const abuse: fc.Arbitrary<Abuse> = fc.record({
  method: fc.constantFrom('POST', 'POST', 'POST', 'GET', 'PATCH', 'DELETE', 'PUT', 'HEAD', 'OPTIONS'),
  path,
  headers: fc
    .tuple(
      headers,
      fc.constantFrom(
        'application/json',
        'application/json',
        'application/json; charset=latin1',
        'text/plain',
        'x',
      ),
    )
    .map(([some, type]) => ({ ...some, 'content-type': type })),
  body,
});

function encodeURIComponentSafely(value: string): string {
  return encodeURIComponent(value.replaceAll(/\p{Surrogate}/gu, ''));
}

test('whatever is sent is answered, never with 500; what is refused is a documented problem and leaves nothing', async () => {
  await using context = await createTestApp({ redisUrl: server.url, maxLength: 1_000_000 });
  const listening = createHttpServer(context.app);
  await once(listening.listen(0, '127.0.0.1'), 'listening');
  const agent = new Agent({ keepAlive: true });
  const { port } = listening.address() as AddressInfo;
  const { redis, prefix } = context;
  const stored = async () => (await redis.keys(`${prefix}:*`)).length;
  let before = await stored();
  try {
    await fc.assert(
      fc.asyncProperty(abuse, async (sent) => {
        const answer = await send(sent, { port, agent });
        if (answer.status >= 400) {
          if (sent.method !== 'HEAD') {
            const { code, status } = problemSchema.parse(JSON.parse(answer.body));
            expect([code, status]).not.toEqual(['internal', 500]);
            expect([status, answer.type?.split(';')[0]]).toEqual([answer.status, 'application/problem+json']);
          }
          expect(answer.status).toBeLessThan(500);
          expect(await stored()).toBe(before);
        }
        before = await stored();
      }),
      { numRuns: runs, seed, interruptAfterTimeLimit: limitMs, markInterruptAsFailure: false },
    );
  } finally {
    agent.destroy();
    listening.close();
  }
});

function send(
  { method, path: to, headers: given, body: of }: Abuse,
  { port, agent }: { port: number; agent: Agent },
) {
  return new Promise<{ status: number; type: string | undefined; body: string }>((resolve, reject) => {
    // Node's client would send the body of a GET as if it were the next request.
    const all = { ...given, 'content-length': String(Buffer.byteLength(of)) };
    const sent = httpRequest(
      {
        host: '127.0.0.1',
        port,
        agent,
        method,
        path: to,
        headers: all,
        signal: AbortSignal.timeout(hangMs),
      },
      (res) => {
        text(res).then(
          (answer) =>
            resolve({ status: res.statusCode ?? 0, type: res.headers['content-type'], body: answer }),
          reject,
        );
      },
    );
    sent.once('error', reject);
    sent.end(of);
  });
}
