import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';

/** Bytes in use once the buffers of the last commands are given back. */
export async function settledMemory(redis: Redis): Promise<number> {
  await delay(400);
  return numberIn(await redis.info('memory'), 'used_memory');
}

export async function bytesOf(redis: Redis, key: string): Promise<number> {
  return Number(await redis.memory('USAGE', key, 'SAMPLES', 0));
}

/** Seconds of CPU, user and system, that the server has used in all its threads. */
export async function cpuSeconds(redis: Redis): Promise<number> {
  const info = await redis.info('cpu');
  return numberIn(info, 'used_cpu_user') + numberIn(info, 'used_cpu_sys');
}

/** Microseconds spent inside scripts since the statistics were reset. */
export async function scriptMicroseconds(redis: Redis): Promise<number> {
  const info = await redis.info('commandstats');
  const spent = [...info.matchAll(/cmdstat_(?:evalsha|eval):calls=\d+,usec=(\d+)/g)];
  return spent.reduce((sum, [, microseconds]) => sum + Number(microseconds), 0);
}

/** How many commands clients send in a while; what scripts call inside is not counted. */
export async function clientCommands(redis: Redis, whileMs: number): Promise<number> {
  const monitor = await redis.monitor();
  let count = 0;
  monitor.on('monitor', (_time: string, _args: string[], source: string) => {
    if (source !== 'lua') count += 1;
  });
  await delay(whileMs);
  monitor.disconnect();
  return count;
}

function numberIn(info: string, field: string): number {
  return Number(new RegExp(`^${field}:([\\d.]+)`, 'm').exec(info)?.[1]);
}
