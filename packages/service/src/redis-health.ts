import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from './logger.ts';

/** As much of an ioredis connection as watching it needs. */
interface RedisConnection {
  status: string;
  ping(): Promise<unknown>;
  on(event: string, listener: (error?: Error) => void): unknown;
}

const answerWithinMs = 1_000;

/** Says when Redis goes away and when it is back, once each; every single failed try only at debug. */
export function logRedisConnection(redis: RedisConnection, logger: Logger): void {
  let away = false;
  redis.on('error', (error) => {
    if (!away) logger.warn('Redis is away; trying again until it is back', { error });
    away = true;
  });
  redis.on('ready', () => {
    if (away) logger.info('Redis is back');
    away = false;
  });
}

/** Why Redis cannot be worked with right now, or undefined when it answers. */
export async function redisProblem(redis: RedisConnection): Promise<string | undefined> {
  if (redis.status !== 'ready') return 'Redis is away.';
  const answered = redis.ping().then(
    () => true,
    () => false,
  );
  const inTime = await Promise.race([answered, delay(answerWithinMs, false, { ref: false })]);
  return inTime ? undefined : 'Redis does not answer.';
}
