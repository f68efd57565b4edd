import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startRedisServer, startSentinel } from '@musicgen/redis-server';
import { Redis, type RedisOptions } from 'ioredis';
import { patientRedisOptions } from './redis-client.ts';
import { claimOne, createTestQueue, type StreamsTestQueue, useUndo } from './test-setup.ts';

const afterwards = useUndo();

/** One task's whole way, with every further connection that the queue opens by itself. */
async function wholeWay({ enqueue, consumer, producer, queue }: StreamsTestQueue): Promise<void> {
  const reader = queue.createLifecycleReader();
  await reader.latestId();
  const outbox = queue.createOutboxReader({ consumerName: 'api-1' });
  const told = outbox.read(1, { waitMs: 30_000 });
  const heard = new Promise((resolve) => consumer.onCancelRequested(resolve));
  const waiting = consumer.waitForTask(30_000, new AbortController().signal);
  const id = await enqueue({ notify: 'somebody' });
  await waiting;
  const claim = await claimOne(consumer);
  const [turn] = await told;
  expect(turn).toMatchObject({ taskId: id, status: 'processing' });
  // Its subscription may still be on its way.
  const nudge = setInterval(() => void producer.cancel(id), 20);
  expect(await heard).toBe(id);
  clearInterval(nudge);
  expect(await consumer.acknowledgeCancel(claim)).toBe('cancelled');
  const [end] = await outbox.read(1);
  expect(end).toMatchObject({ taskId: id, status: 'cancelled' });
  await outbox.acknowledge([turn?.id ?? '', end?.id ?? '']);
  await Promise.all([reader.close(), outbox.close()]);
}

async function open(url: string, options: RedisOptions = {}): Promise<StreamsTestQueue> {
  const redis = new Redis(url, { ...patientRedisOptions, ...options });
  const test = await createTestQueue(redis);
  afterwards(test.close);
  return test;
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-connections-'));
  afterwards(() => rm(folder, { recursive: true }));
  return folder;
}

test('password and database of a URL hold for every connection that the queue opens', async () => {
  const server = await startRedisServer({ settings: { appendonly: 'no', requirepass: 'a secret' } });
  afterwards(() => server.stop());
  const test = await open(`redis://:a%20secret@127.0.0.1:${server.port}/3`);
  await wholeWay(test);
  expect(await test.redis.info('keyspace')).toMatch(/^db3:/m);
  expect(await test.redis.info('keyspace')).not.toMatch(/^db0:/m);
});

test('a rediss:// URL is served over TLS, and a certificate that nobody vouches for is refused', async () => {
  const folder = await temporaryFolder();
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const files = ['-keyout', key, '-out', certificate];
  await promisify(execFile)('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '1',
    ...files,
    ...subject,
  ]);
  const plain = await startRedisServer({ settings: { appendonly: 'no' } });
  const tlsPort = plain.port;
  await plain.stop();
  const server = await startRedisServer({
    settings: {
      appendonly: 'no',
      'tls-port': String(tlsPort),
      'tls-cert-file': certificate,
      'tls-key-file': key,
      'tls-auth-clients': 'no',
    },
  });
  afterwards(() => server.stop());

  const url = `rediss://127.0.0.1:${tlsPort}`;
  await wholeWay(await open(url, { tls: { ca: await readFile(certificate) } }));
  const stranger = new Redis(url, { lazyConnect: true, retryStrategy: null });
  stranger.on('error', () => {});
  await expect(stranger.connect()).rejects.toThrow();
});

test('after the master of a Sentinel group has died, everything goes on with the next one', async () => {
  const master = await startRedisServer();
  afterwards(() => master.stop());
  const replica = await startRedisServer({ settings: { replicaof: `127.0.0.1 ${master.port}` } });
  afterwards(() => replica.stop());
  const sentinel = await startSentinel({ group: 'group', masterPort: master.port, downAfterMs: 3_000 });
  afterwards(sentinel.stop);
  const redis = new Redis({
    ...patientRedisOptions,
    sentinels: [{ host: '127.0.0.1', port: sentinel.port }],
    name: 'group',
    sentinelRetryStrategy: () => 50,
    retryStrategy: () => 50,
  });
  redis.on('error', () => {});
  const test = await createTestQueue(redis);
  afterwards(test.close);
  await wholeWay(test);
  const id = await test.enqueue();
  const claim = await claimOne(test.consumer);
  await redis.wait(1, 0);

  const promoted = sentinel.untilSaid('+switch-master');
  master.process.kill('SIGKILL');
  await promoted;
  expect(await test.consumer.complete(claim, {})).toBe('completed');
  expect(await test.producer.get(id)).toMatchObject({ status: 'completed' });
  await wholeWay(test);
}, 120_000);
