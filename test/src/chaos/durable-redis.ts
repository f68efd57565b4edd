import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';

/**
 * With `everysec`, which is what we recommend, Redis postpones its writes by up to two seconds while an fsync is under way
 * (`flushAppendOnlyFile` in its aof.c), and forgets what it has answered meanwhile when it is killed. What is judged here is the queue.
 */
const settings = { appendfsync: 'always' };

/** A `redis-server` that can be killed and comes back with the same port and data. */
export interface DurableRedis {
  port: number;
  url: string;
  /** SIGKILL, and a new process on the same folder after `downMs`; resolves once that one answers. */
  kill(downMs: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startDurableRedis(folder: string): Promise<DurableRedis> {
  let server: RedisServer = await startRedisServer({ folder, settings });
  const { port, url } = server;
  // It runs in a process group of its own and would outlive a run that is broken off.
  const killAtExit = () => server.process.kill('SIGKILL');
  process.once('exit', killAtExit);
  return {
    port,
    url,
    async kill(downMs) {
      const died = once(server.process, 'exit');
      server.process.kill('SIGKILL');
      await died;
      await delay(downMs);
      server = await startRedisServer({ folder, port, settings });
    },
    stop() {
      process.off('exit', killAtExit);
      return server.stop();
    },
  };
}
