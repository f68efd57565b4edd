import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below those that systems give out by themselves: nobody is given one before it is used, or while its server restarts. */
const [lowest, highest] = [11_000, 29_999];

/** A loopback port that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest + 1));
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, '127.0.0.1');
  try {
    await once(probe, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    probe.close();
  }
}
