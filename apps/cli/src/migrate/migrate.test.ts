import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStreamsQueue } from '@musicgen/queue';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { CommanderError } from 'commander';
import { Redis } from 'ioredis';
import { createContext } from '../context.ts';
import { exitCodeOf } from '../exit-codes.ts';
import { createProgram } from '../program.ts';
import { migrateCommand } from './migrate.ts';
import { parseSource, parseTarget } from './place.ts';

let open: RedisServer;
let locked: RedisServer;
let refusing: Server;
let folder: string;
beforeAll(async () => {
  const settings = { appendonly: 'no' };
  [open, locked] = await Promise.all([
    startRedisServer({ settings }),
    startRedisServer({ settings: { ...settings, requirepass: 'open sesame' } }),
  ]);
  refusing = createServer((_req, res) => {
    const problem = { type: '/problems/unauthorized', title: 'x', status: 401, detail: 'Which key?' };
    res.writeHead(401, { 'Content-Type': 'application/problem+json' }).end(JSON.stringify(problem));
  }).listen(0, '127.0.0.1');
  folder = await mkdtemp(join(tmpdir(), 'musicgen-migrate-'));
});
afterAll(async () => {
  refusing.close();
  await Promise.all([open.stop(), locked.stop(), rm(folder, { recursive: true })]);
});

const at = ({ port }: { port: number }, database = 0, kind = 'redis-advanced') =>
  `${kind}://127.0.0.1:${port}/${database}`;

/** Runs the command as `runMusicgen` does, and keeps what it prints. */
async function run(source: string, target: string, ...args: string[]) {
  const printed: string[] = [];
  const told: string[] = [];
  const context = createContext({ signal: new AbortController().signal, cwd: folder });
  const recorded = {
    ...context,
    print: (text: string) => void printed.push(text),
    tell: (line: string) => void told.push(line),
    terminal: { write: (line: string) => told.push(line) } as unknown as NodeJS.WriteStream,
  };
  const program = createProgram(recorded, [migrateCommand]);
  let code = 0;
  try {
    await program.parseAsync(['migrate', '--source', source, '--target', target, ...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) told.push((error as Error).message);
    code = exitCodeOf(error);
  }
  return { code, printed: printed.join('\n'), told: told.join('\n') };
}

async function withRedis(url: string, use: (redis: Redis) => Promise<unknown>) {
  const redis = new Redis(url);
  await use(redis);
  redis.disconnect();
}

const closed = { port: 1 };
const badInput: [string, () => Parameters<typeof run>, number, RegExp][] = [
  [
    'a source that is away',
    () => [at(closed), at(open)],
    7,
    /The source redis-advanced:\/\/127\.0\.0\.1:1\/0 cannot be reached: .*ECONNREFUSED/,
  ],
  ['a target that is away', () => [at(open), at(closed)], 7, /The target .* cannot be reached/],
  [
    'a source that wants a password',
    () => [at(locked), at(open)],
    3,
    /The source .* does not accept the user or password/,
  ],
  [
    'a target with another password',
    () => [at(open), `redis-advanced://:wrong-secret@127.0.0.1:${locked.port}`],
    3,
    /The target .* does not accept/,
  ],
  ['a database that is not there', () => [at(open, 99), at(open)], 2, /has no database of this number/],
  [
    'a source of no known kind',
    () => ['mysql://localhost', at(open)],
    2,
    /--source mysql:\/\/localhost: must be redis:\/\//,
  ],
  [
    'basic Redis as target',
    () => [at(open), at(open, 1, 'redis')],
    2,
    /--target redis:.*: must be redis-advanced/,
  ],
  ['a file that is not there', () => ['file:none.ndjson', at(open)], 4, /file:none\.ndjson cannot be read/],
  ['a process that is away', () => ['memory://127.0.0.1:1', at(open)], 7, /./],
  [
    'a process that does not know the key',
    () => [`memory://127.0.0.1:${(refusing.address() as AddressInfo).port}`, at(open)],
    3,
    /401/,
  ],
  ['source and target the same, without older tasks', () => [at(open, 2), at(open, 2)], 2, /the same place/],
  [
    'a file to be cleaned up',
    () => ['file:none.ndjson', at(open), '--cleanup-source'],
    2,
    /nothing can be removed from file:/,
  ],
  [
    'a dry run that cleans up',
    () => [at(open), at(open, 1), '--dry-run', '--cleanup-source'],
    2,
    /--dry-run writes nothing/,
  ],
  ['a roll-back of another place', () => [at(open), at(open, 1), '--roll-back'], 2, /must be the same/],
  [
    'a roll-back of nothing',
    () => [at(open, 2), at(open, 2), '--roll-back', '--yes'],
    2,
    /Nothing of an older service is set aside/,
  ],
  ['a roll-back that nobody has confirmed', () => [at(open, 2), at(open, 2), '--roll-back'], 2, /--yes/],
  ['a batch of no size', () => [at(open), at(open, 1), '--batch-size', '0'], 2, /^/],
];

test.each(badInput)('%s is named, and nothing is written', async (_, args, code, message) => {
  const outcome = await run(...args());
  expect(outcome).toMatchObject({ code, printed: '', told: expect.stringMatching(message) });
  expect(outcome.told).not.toContain('wrong-secret');
  await withRedis(open.url, async (redis) => expect(await redis.dbsize()).toBe(0));
});

test.each([
  [
    'rediss-advanced://ada:pass@host:6380/2',
    'rediss://ada:pass@host:6380/2',
    'rediss-advanced://host:6380/2',
  ],
  ['redis-advanced://host', 'redis://host', 'redis-advanced://host'],
  [
    'redis-sentinel://:p@a,b/main?sentinelPassword=q',
    'redis-sentinel://:p@a,b/main?sentinelPassword=q',
    'redis-sentinel://a,b/main',
  ],
])('%s is %s, and shown as %s', (address, url, shown) => {
  expect(parseTarget(address)).toEqual({ kind: 'redis', url, shown });
  expect(parseSource(address, String)).toEqual({ kind: 'redis', url, shown });
});

describe('a migration', () => {
  const older = { status: 'queued', request: { prompt: 'secret wish' }, created_at: '2026-11-27T10:00:00' };
  beforeEach(async () => {
    await withRedis(open.url, async (redis) => {
      await redis.flushall();
      await redis.select(3);
      await redis.set('musicgen:task:job-1', JSON.stringify({ ...older, priority: 'high' }), 'EX', 1000);
      await redis.set('musicgen:task:job-2', JSON.stringify({ ...older, status: 'processing' }), 'EX', 1000);
      await redis.set(
        'musicgen:task:job-3',
        '{"status": "queued", "request": {"prompt": "secret',
        'EX',
        1000,
      );
    });
  });

  test('says what would happen, then does it, compares, names what it skips, and shows no prompt', async () => {
    const dry = await run(at(open, 3), at(open), '--dry-run');
    expect(dry.code).toBe(1);
    expect(dry.printed).toMatch(
      /dry run: nothing was written[\s\S]*pending +0 +1 +1 +0\n[\s\S]*2 would be migrated, 0 already there, 1 would be skipped/,
    );
    await withRedis(open.url, async (redis) => expect(await redis.dbsize()).toBe(0));

    const real = await run(at(open, 3), at(open), '--verify', '--json');
    expect(real.code).toBe(1);
    expect(JSON.parse(real.printed)).toMatchObject({
      total: 3,
      migrated: 2,
      skipped: 1,
      failed: 0,
      verified: 2,
      removed: 0,
      skipped_because: { unreadable_json: 1 },
      // The same as Python's uuid5 makes it.
      renamed: expect.arrayContaining([{ from: 'job-1', to: expect.stringMatching(/^[0-9a-f-]{14}5/) }]),
      problems: [{ name: 'musicgen:task:job-3', reason: 'unreadable_json' }],
    });
    expect(real.told).toContain('musicgen:task:job-3: Its record is no JSON object (unreadable_json)');
    expect(real.told).toMatch(/Migrating .* 100 % {2}3 tasks of 3 tasks[\s\S]*Verifying .* 100 %/);
    expect(dry.told + dry.printed + real.told + real.printed).not.toMatch(/secret/);
  });

  test('cleans up what was verified and leaves the rest; in place it can be undone', async () => {
    expect(await run(at(open, 3), at(open), '--cleanup-source')).toMatchObject({
      code: 1,
      printed: expect.stringContaining('2 removed from the source'),
    });
    await withRedis(`${open.url}/3`, async (redis) =>
      expect(await redis.keys('*')).toEqual(['musicgen:task:job-3']),
    );

    expect(await run(at(open, 3), at(open, 3))).toMatchObject({ code: 1 });
    expect(await run(at(open, 3), at(open, 3), '--roll-back', '--yes')).toMatchObject({ code: 0 });
    await withRedis(`${open.url}/3`, async (redis) =>
      expect(await redis.keys('*')).toEqual(['musicgen:task:job-3']),
    );
  });

  test('from a file, and from one server with a password to another', async () => {
    await writeFile(join(folder, 'tasks.ndjson'), `${JSON.stringify({ id: randomUUID(), ...older })}\n`);
    const target = `redis-advanced://:open%20sesame@127.0.0.1:${locked.port}`;
    expect(await run('file:tasks.ndjson', target, '--verify')).toMatchObject({
      code: 0,
      printed: expect.stringContaining('1 compared and found right'),
    });
    expect(await run(target, at(open), '--verify')).toMatchObject({ code: 0 });
    await withRedis(open.url, async (redis) => {
      const queue = createStreamsQueue({ redis });
      expect(await queue.createMonitor().counts()).toMatchObject({ pending: 1 });
    });
  });
});
