import { createHash } from 'node:crypto';
import { cpus, loadavg } from 'node:os';
import { startRedisServer } from '@musicgen/redis-server';
import { median } from '../percentile.ts';
import { type Row, ratioOf, tableText } from '../table.ts';
import { measureReads, measureSubmissions, type RequestFigures } from './requests.ts';
import { type ServerProcess, startApi, startBareServer } from './servers.ts';
import { measureStreams } from './streams.ts';

const names = { ours: 'ours', peer: 'bare Express' };

export interface ApiBenchOptions {
  rounds: number;
  /** `requests`, `limited`, `streams`; none: all. */
  only: readonly string[];
  /** Of each measurement. */
  seconds: number;
  connections: number;
  /** Event streams at one process. */
  clients: number;
}

/** Our throughput must be at least this share of the bare server's. */
const leastShare = 0.6;

/** Measures the API beside a bare Express server on the same Redis, and a thousand event streams. */
export async function benchApi(options: ApiBenchOptions): Promise<Row[]> {
  console.log(setting(options));
  const rows: Row[] = [];
  for (const [name, measure] of Object.entries(parts)) {
    if (options.only.length > 0 && !options.only.includes(name)) continue;
    console.error(`${name} …`);
    const measured = await measure(options);
    // A run that is cut short has said what it knows.
    console.error(tableText(measured, names));
    rows.push(...measured);
  }
  console.log(tableText(rows, names));
  return rows;
}

const key = 'mgk_bench';
const keyHash = createHash('sha256').update(key).digest('hex');

const parts: Record<string, (options: ApiBenchOptions) => Promise<Row[]>> = {
  requests: (options) => measureRequests(options, { suffix: '', env: {}, headers: '' }),
  // What a key with every limit costs besides: two round trips to Redis.
  limited: (options) =>
    measureRequests(options, {
      suffix: ', with a key and its limits',
      env: { API_KEYS: `bench:generate:${keyHash}:rate=9999999,tasks=9999999,seconds=999999999` },
      headers: `X-API-Key: ${key}\r\n`,
    }),
  streams: measureAllStreams,
};

interface Ours {
  /** Of the rows' names. */
  suffix: string;
  env: Record<string, string>;
  headers: string;
}

async function measureRequests(options: ApiBenchOptions, { suffix, env, headers }: Ours): Promise<Row[]> {
  const redis = await startRedisServer();
  const systems = {
    ours: { server: await startApi(redis.url, env), headers },
    peer: { server: await startBareServer(redis.url), headers: '' },
  };
  try {
    const submissions: Rounds = { ours: [], peer: [] };
    const reads: Rounds = { ours: [], peer: [] };
    // The first round warms both up and is forgotten.
    for (let round = 0; round <= options.rounds; round++) {
      const order = ['ours', 'peer'] as const;
      for (const name of round % 2 === 0 ? order : order.toReversed()) {
        const load = { ...options, ...systems[name] };
        const ids: string[] = [];
        submissions[name].push(await measureSubmissions(load, ids));
        reads[name].push(await measureReads(load, ids));
      }
    }
    return [
      ...requestRows(`POST generate${suffix}`, submissions),
      ...requestRows(`GET a task${suffix}`, reads),
    ];
  } finally {
    await systems.ours.server.stop();
    await systems.peer.server.stop();
    await redis.stop();
  }
}

type Rounds = Record<'ours' | 'peer', RequestFigures[]>;

function requestRows(what: string, rounds: Rounds): Row[] {
  const of = (system: keyof Rounds, figure: keyof RequestFigures) =>
    median(rounds[system].slice(1).map((figures) => figures[figure]));
  const row = (figure: keyof RequestFigures, unit: string, better: Row['better'], share?: number): Row => {
    const [ours, peer] = [of('ours', figure), of('peer', figure)];
    const target = share === undefined ? undefined : share * peer;
    return { name: `${what}, ${unit}`, ours, peer, ratio: ratioOf(ours, peer), target, better };
  };
  return [
    row('perSecond', 'requests/s', 'higher', leastShare),
    row('p50Ms', 'p50 ms', 'lower'),
    row('p99Ms', 'p99 ms', 'lower'),
    row('cpuMicroseconds', 'CPU µs', 'lower'),
  ];
}

async function measureAllStreams({ clients, seconds }: ApiBenchOptions): Promise<Row[]> {
  const redis = await startRedisServer();
  const server: ServerProcess = await startApi(redis.url);
  try {
    const running = Math.ceil(clients / 10);
    const figures = await measureStreams({
      server,
      redisUrl: redis.url,
      clients,
      running,
      seconds: 3 * seconds,
    });
    const row = (name: string, ours: number): Row => {
      return { name, ours, peer: undefined, ratio: undefined, target: undefined, better: 'lower' };
    };
    return [
      row(`${clients} event streams, MB of memory`, figures.megabytes),
      row(`${running} of them told of progress twice a second, p50 ms`, figures.p50Ms),
      row(`${running} of them told of progress twice a second, p99 ms`, figures.p99Ms),
      row(`${running} of them told of progress twice a second, % of a core`, figures.cpuShare * 100),
      row(`all ${clients} told of progress at once, ms until the last has it`, figures.allAtOnceMs),
    ];
  } finally {
    await server.stop();
    await redis.stop();
  }
}

/** What a reader must know beside the figures. */
function setting({ rounds, seconds, connections }: ApiBenchOptions): string {
  const machine = `${cpus().length} × ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(1)}`;
  const load = `medians of ${rounds} rounds of ${seconds} s, ${connections} connections`;
  return `${new Date().toISOString()}\n${machine}\nNode ${process.version}\n${load}\n`;
}
