import {
  factsFromInfo,
  type RedisClient,
  refuseOldServer,
  type ServerDanger,
  type ServerFacts,
  serverDangers,
} from '@musicgen/queue';
import { Cluster } from 'ioredis';
import { formatBytes } from '../format.ts';
import { type Check, type Finding, failed, ok, skipped, warning } from './check.ts';
import type { RedisConnection } from './open-redis.ts';

/** Beyond the first, times shown are off; beyond the second, live workers may be taken for dead. */
const skewMs = { noticeable: 1_000, harmful: 30_000 };

/** The Redis server: whether it is there, new enough, and set up so that it loses nothing. */
export function serverChecks({ address, redis, problem }: RedisConnection): Check[] {
  let servers: ServerFacts[] = [];
  const of = (look: (servers: ServerFacts[]) => Finding) => () =>
    servers.length === 0 ? skipped('Redis does not answer.') : look(servers);
  return [
    {
      name: 'redis',
      async look() {
        if (redis === undefined) {
          return failed(`Nothing to work with at ${address}: ${problem}`, remedyFor(problem));
        }
        const startedAt = performance.now();
        servers = await readFacts(redis);
        const ms = (performance.now() - startedAt).toFixed(1);
        if (!servers.some(({ isReplica }) => isReplica)) return ok(`${address} answers in ${ms} ms.`);
        return failed(`${address} is a replica and refuses writes.`, 'Set REDIS_URL to its master.');
      },
    },
    { name: 'version', look: of(checkVersion) },
    { name: 'eviction', look: of((all) => dangerOr(all, 'eviction', 'maxmemory-policy noeviction.')) },
    {
      name: 'persistence',
      look: of((all) => dangerOr(all, 'persistence', 'Append-only file on, last save written.')),
    },
    { name: 'memory', look: of(checkMemory) },
    {
      name: 'clock',
      async look() {
        return redis === undefined ? skipped('Redis does not answer.') : judgeSkew(await measureSkew(redis));
      },
    },
  ];
}

/** One server's, or those of all masters of a cluster. */
async function readFacts(redis: RedisClient): Promise<ServerFacts[]> {
  const servers = redis instanceof Cluster ? redis.nodes('master') : [redis];
  return Promise.all(servers.map(async (server) => factsFromInfo(await server.info())));
}

function remedyFor(problem = ''): string {
  if (/NOAUTH|WRONGPASS|NOPERM|invalid password/i.test(problem))
    return 'Put user and password into REDIS_URL: redis://user:password@host:6379.';
  return 'Start Redis 7 there, or set REDIS_URL to where it runs.';
}

function checkVersion(servers: ServerFacts[]): Finding {
  try {
    servers.forEach(refuseOldServer);
    return ok(`Redis ${servers.map(({ version }) => version).join(', ')}.`);
  } catch (error) {
    return failed(`${(error as Error).message}.`, 'Upgrade it, or set REDIS_URL to a newer one.');
  }
}

function checkMemory(servers: ServerFacts[]): Finding {
  const used = servers.map(
    ({ usedMemoryBytes, memoryLimitBytes }) =>
      `${formatBytes(usedMemoryBytes)} of ${formatBytes(memoryLimitBytes)}`,
  );
  return dangerOr(servers, 'memory', `${used.join(', ')} used.`);
}

function dangerOr(servers: ServerFacts[], kind: ServerDanger['kind'], fine: string): Finding {
  const found = servers.flatMap(serverDangers).filter((danger) => danger.kind === kind);
  if (found.length === 0) return ok(fine);
  const join = (part: 'detail' | 'remedy') => [...new Set(found.map((danger) => danger[part]))].join(' ');
  return failed(join('detail'), join('remedy'));
}

interface Skew {
  /** How far the server's clock is ahead of ours. */
  ms: number;
  /** Half the time the answer took: it was read somewhere in between. */
  uncertainMs: number;
}

/** The best of a few, as the quickest answer tells most. */
async function measureSkew(redis: RedisClient): Promise<Skew> {
  const measured: Skew[] = [];
  for (let count = 0; count < 3; count++) {
    const askedAt = Date.now();
    const [seconds, microseconds] = await redis.time();
    const uncertainMs = (Date.now() - askedAt) / 2;
    const serverNow = Number(seconds) * 1000 + Number(microseconds) / 1000;
    measured.push({ ms: serverNow - askedAt - uncertainMs, uncertainMs });
  }
  return measured.reduce((best, next) => (next.uncertainMs < best.uncertainMs ? next : best));
}

/** Exported for its test: no test sets a clock. */
export function judgeSkew({ ms, uncertainMs }: Skew): Finding {
  const off = Math.abs(ms) - uncertainMs;
  const seconds = (Math.abs(ms) / 1000).toFixed(1);
  if (off <= skewMs.noticeable)
    return ok(`The clock here and that of Redis differ by ${Math.round(Math.abs(ms))} ms.`);
  const detail = `The clock of Redis is ${seconds} s ${ms > 0 ? 'ahead of' : 'behind'} the one here.`;
  const remedy = 'Run an NTP client (chrony, systemd-timesyncd) on both machines.';
  return off > skewMs.harmful ? failed(detail, remedy) : warning(detail, remedy);
}
