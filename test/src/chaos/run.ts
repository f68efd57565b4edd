import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createStreamsQueue, every, failFastRedisOptions, patientRedisOptions } from '@musicgen/queue';
import { Redis } from 'ioredis';
import { startDurableRedis } from './durable-redis.ts';
import { startFaultyProxy } from './faulty-proxy.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { type HistoryWriter, openHistory, type Recorded, readHistory } from './history.ts';
import { carryOut } from './inflict.ts';
import { recordLeftovers } from './leftovers.ts';
import { createLoad, type Load } from './load.ts';
import { createRandom, makePlan } from './plan.ts';
import { recordLifecycle, recordTasks, recordWaitingRetries } from './redis-truth.ts';
import { settings } from './settings.ts';

export interface ChaosOptions {
  seed: number;
  /** How many processes are ended by force or by SIGTERM; other disturbances come on top. */
  kills: number;
  /** Where Redis, the workers' logs, artifacts and the history lie. */
  folder: string;
  say: (line: string) => void;
}

const observeMs = 150;
/** How long the fleet may take for what is left once nothing disturbs it any more. */
const settleMs = 60_000;
const killsPerPoison = 200;

/** Runs a queue under load while everything around it fails; resolves to all that happened. */
export async function runChaos({ seed, kills, folder, say }: ChaosOptions): Promise<Recorded[]> {
  const historyFolder = join(folder, 'history');
  await mkdir(historyFolder, { recursive: true });
  const history = openHistory(historyFolder, 'main');
  const random = createRandom(seed + 1);
  const plan = makePlan({ seed, kills });

  const server = await startDurableRedis(join(folder, 'redis'));
  const proxy = await startFaultyProxy(server.port);
  const proxied = `redis://127.0.0.1:${proxy.port}`;
  const observer = quiet(new Redis(server.url, patientRedisOptions));
  const queue = createStreamsQueue({ redis: observer, prefix: settings.prefix });
  await queue.prepare();

  const clients = quiet(
    new Redis(proxied, {
      ...failFastRedisOptions,
      socketTimeout: settings.socketTimeoutMs,
      retryStrategy: () => 50,
    }),
  );
  const load = createLoad({
    producer: createStreamsQueue({
      redis: clients,
      prefix: settings.prefix,
      lifecycleLength: settings.lifecycleLength,
    }).createProducer(),
    history,
    random,
  });
  const observing = every({
    intervalMs: observeMs,
    run: () => recordWaitingRetries(observer, history),
    onError: () => {},
  });
  const fleet = startFleet({ redisUrl: proxied, folder, size: settings.workers, history, random });

  say(`${plan.length} faults, ${kills} of them kills; everything is kept in ${folder}`);
  await disturb(async () => carryOut(plan, { redis: server, proxy, fleet, history }), load, kills);
  say('The last fault is over; the fleet finishes what is left.');
  await load.untilFinished(settleMs);
  await fleet.untilCalm();
  await deploy({ fleet, load, history });
  await load.untilFinished(settleMs);

  await fleet.stop();
  await observing.stop();
  clients.disconnect();
  const direct = queue.createProducer();
  await recordTasks(direct, load.acknowledged(), history);
  await recordLifecycle(observer, history);
  await recordLeftovers({ redis: observer, queue, artifacts: join(folder, 'artifacts'), history });

  observer.disconnect();
  await proxy.close();
  await server.stop();
  history.close();
  return readHistory(historyFolder);
}

/** Load and faults side by side; a few tasks that kill whoever takes them come with the load. */
async function disturb(carryOutPlan: () => Promise<void>, load: Load, kills: number): Promise<void> {
  const over = new AbortController();
  const running = load.run(over.signal);
  for (let poison = 0; poison < Math.ceil(kills / killsPerPoison); poison += 1) {
    await load.submit({ intent: 'poison', priority: 'HIGH', frames: 1 });
  }
  await carryOutPlan();
  over.abort();
  await running;
}

interface DeployOptions {
  fleet: Fleet;
  load: Load;
  history: HistoryWriter;
}

/** A deploy with nothing else going wrong: SIGTERM for workers in the middle of their work, others idle beside them. */
async function deploy({ fleet, load, history }: DeployOptions): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    for (let task = 0; task < 4; task += 1) {
      await load.submit({ intent: 'complete', priority: 'NORMAL', frames: 50 });
    }
    await delay(300);
    for (const target of [0, 0.5]) {
      const worker = await fleet.terminate(target);
      history.write({ type: 'fault', fault: 'worker:terminate', worker, lastsMs: 0 });
    }
    await fleet.untilCalm();
  }
}

function quiet(redis: Redis): Redis {
  // What it says while Redis is down is the point of the run.
  redis.on('error', () => {});
  return redis;
}
