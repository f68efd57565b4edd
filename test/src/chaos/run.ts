import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  createStreamsQueue,
  every,
  failFastRedisOptions,
  patientRedisOptions,
  type StreamsQueue,
} from '@musicgen/queue';
import { createReleasers, type Releasers } from '@musicgen/service';
import { Redis, type RedisOptions } from 'ioredis';
import { type DurableRedis, startDurableRedis } from './durable-redis.ts';
import { type FaultyProxy, startFaultyProxy } from './faulty-proxy.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { type HistoryWriter, openHistory, type Recorded, readHistory } from './history.ts';
import { carryOut } from './inflict.ts';
import { recordLeftovers } from './leftovers.ts';
import { createLoad, type Load } from './load.ts';
import { createRandom, makePlan, type Step } from './plan.ts';
import { recordStalls } from './record-stalls.ts';
import {
  recordLifecycle,
  recordLists,
  recordOutbox,
  recordTasks,
  recordWaitingRetries,
} from './redis-truth.ts';
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
/** When a turn that was read and not acknowledged is read again: the lost replies are on purpose. */
const outboxTakeOverMs = 1_000;
/** How long the fleet may take for what is left once nothing disturbs it any more. */
const settleMs = 60_000;
/** So that the last disturbances are over before the deploy. */
const quietMs = 1_500;
const killsPerPoison = 200;

/** Runs a queue under load while everything around it fails; resolves to all that happened. */
export async function runChaos(options: ChaosOptions): Promise<Recorded[]> {
  const { seed, kills, say } = options;
  const releasers = createReleasers({ error: (message) => say(message) });
  try {
    const stage = await openStage(options, releasers);
    const { fleet, load } = stage;
    const plan = makePlan({ seed, kills });
    say(`${plan.length} faults, ${kills} of them kills; everything is kept in ${options.folder}`);
    await disturb({ stage, plan, poisons: Math.ceil(kills / killsPerPoison), say });
    say('The last fault is over; the fleet finishes what is left.');
    await load.untilFinished(settleMs);
    await fleet.untilCalm();
    await delay(quietMs);
    await deploy(stage);
    await load.untilFinished(settleMs);
    await fleet.stop();
    await recordTruth(stage);
  } finally {
    await releasers.releaseAll();
  }
  return readHistory(historyFolder(options));
}

const historyFolder = ({ folder }: Pick<ChaosOptions, 'folder'>) => join(folder, 'history');

/** Everything that takes part. */
interface Stage {
  folder: string;
  history: HistoryWriter;
  server: DurableRedis;
  proxy: FaultyProxy;
  /** Past the proxy: it sees what is, and its own view of it is never disturbed. */
  observer: Redis;
  queue: StreamsQueue;
  fleet: Fleet;
  load: Load;
  /** Ends the disturbed reader of the outbox. */
  stopTelling: () => Promise<void>;
}

async function openStage({ seed, folder }: ChaosOptions, releasers: Releasers): Promise<Stage> {
  const { prefix, lifecycleLength, socketTimeoutMs: socketTimeout, workers: size } = settings;
  await mkdir(historyFolder({ folder }), { recursive: true });
  const history = openHistory(historyFolder({ folder }), 'main');
  releasers.add('history', () => history.close());
  releasers.add('stalls', recordStalls('main', history));
  const server = await startDurableRedis(join(folder, 'redis'));
  releasers.add('Redis', () => server.stop());
  const proxy = await startFaultyProxy(server.port);
  releasers.add('proxy', () => proxy.close());
  const connect = (url: string, options: RedisOptions) => {
    const redis = new Redis(url, options);
    // What it says while Redis is down is the point of the run.
    redis.on('error', () => {});
    releasers.add('connection', () => redis.disconnect());
    return redis;
  };

  const observer = connect(server.url, patientRedisOptions);
  const queue = createStreamsQueue({ redis: observer, prefix, lifecycleLength });
  await queue.prepare();
  const observing = every({
    intervalMs: observeMs,
    run: () => recordWaitingRetries(observer, history),
    onError: () => {},
  });
  releasers.add('observer', () => observing.stop());

  const proxied = `redis://127.0.0.1:${proxy.port}`;
  const clients = connect(proxied, { ...failFastRedisOptions, socketTimeout, retryStrategy: () => 50 });
  const disturbed = createStreamsQueue({ redis: clients, prefix, lifecycleLength });
  const producer = disturbed.createProducer();
  const toldEnough = new AbortController();
  const reader = disturbed.createOutboxReader({ consumerName: 'disturbed', takeOverMs: outboxTakeOverMs });
  const telling = every({
    intervalMs: observeMs,
    run: async () => void (await recordOutbox(reader, history, { waitMs: 1_000, signal: toldEnough.signal })),
    onError: () => {},
  });
  const stopTelling = async () => {
    toldEnough.abort();
    await telling.stop();
    await reader.close();
  };
  releasers.add('outbox reader', stopTelling);
  const random = createRandom(seed + 1);
  const load = createLoad({ producer, history, random });
  const fleet = startFleet({ redisUrl: proxied, folder, size, history, random });
  releasers.add('fleet', () => fleet.stop());
  return { folder, history, server, proxy, observer, queue, fleet, load, stopTelling };
}

/** What Redis itself tells of the run, and what is left in it. */
async function recordTruth({ folder, history, observer, queue, load, stopTelling }: Stage): Promise<void> {
  await recordTasks(queue.createProducer(), load.acknowledged(), history);
  await recordLists(queue.createProducer(), history);
  await stopTelling();
  const reader = queue.createOutboxReader({ consumerName: 'truth', takeOverMs: 0 });
  while ((await recordOutbox(reader, history)) > 0);
  await reader.close();
  await recordLifecycle(observer, history);
  await recordLeftovers({ redis: observer, queue, artifacts: join(folder, 'artifacts'), history });
}

interface DisturbOptions {
  stage: Stage;
  plan: readonly Step[];
  /** Tasks that kill whoever takes them. */
  poisons: number;
  say: (line: string) => void;
}

/** Load and faults side by side. */
async function disturb({ stage, plan, poisons, say }: DisturbOptions): Promise<void> {
  const { server: redis, proxy, fleet, history, load } = stage;
  const over = new AbortController();
  const running = load.run(over.signal);
  for (let poison = 0; poison < poisons; poison += 1) {
    await load.submit({ intent: 'poison', priority: 'HIGH', frames: 1 });
  }
  await carryOut(plan, { redis, proxy, fleet, history, say });
  over.abort();
  await running;
}

/** A deploy with nothing else going wrong: SIGTERM for workers in the middle of their work, others idle beside them. */
async function deploy({ fleet, load, history }: Stage): Promise<void> {
  for (let round = 0; round < 2; round += 1) {
    for (let task = 0; task < 4; task += 1) {
      await load.submit({ intent: 'complete', priority: 'NORMAL', frames: 50 });
    }
    await delay(300);
    for (const target of [0, 0.4, 0.8]) {
      const worker = await fleet.terminate(target);
      history.write({ type: 'fault', fault: 'worker:terminate', worker, lastsMs: 0 });
    }
    await fleet.untilCalm();
  }
}
