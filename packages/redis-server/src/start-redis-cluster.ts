import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import { type RedisServer, startRedisServer } from './start-redis-server.ts';

export interface RedisCluster {
  masters: RedisServer[];
  stop(): Promise<void>;
}

const slots = 16_384;

/** Starts private servers on loopback that share all slots, and resolves once each of them knows the others. */
export async function startRedisCluster({ masters: count = 3 } = {}): Promise<RedisCluster> {
  const started = await Promise.all(Array.from({ length: count }, startMaster));
  const clients = started.map(({ server }) => new Redis(server.url));
  try {
    await Promise.all(
      clients.map(async (client, index) => {
        const [first, next] = [index, index + 1].map((share) => Math.floor((share * slots) / count));
        await client.cluster('ADDSLOTSRANGE', first ?? 0, (next ?? slots) - 1);
        for (const { server, busPort } of started)
          await client.call('CLUSTER', 'MEET', '127.0.0.1', server.port, busPort);
      }),
    );
    for (const client of clients) {
      while (!String(await client.cluster('INFO')).includes('cluster_state:ok')) await delay(20);
    }
  } finally {
    for (const client of clients) client.disconnect();
  }
  const masters = started.map(({ server }) => server);
  return {
    masters,
    async stop() {
      await Promise.all(masters.map((server) => server.stop()));
    },
  };
}

async function startMaster() {
  const busPort = await freePort();
  const settings = { 'cluster-enabled': 'yes', 'cluster-port': String(busPort), appendonly: 'no' };
  return { server: await startRedisServer({ settings }), busPort };
}
