import { readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { findRedisServer, installRedisServer, startRedisServer } from '@musicgen/redis-server';

export interface Redis {
  url: string;
  /** Where it comes from, for people. */
  origin: string;
  stop(): Promise<void>;
}

export interface RedisChoice {
  /** `REDIS_URL`, where set. */
  url: string | undefined;
  /** Where a private server keeps its data. */
  folder: string;
  say: (line: string) => void;
}

const usualPort = 6379;

/**
 * A Redis to work with: the one that `REDIS_URL` names, else a private one on a free port (the one that another run of
 * ours has started already, if it has), else one that runs on the usual port, else a private one after installing it.
 * @throws Error with one sentence where none of these can be had.
 */
export async function chooseRedis({ url, folder, say }: RedisChoice): Promise<Redis> {
  if (url) return { url, origin: 'REDIS_URL', stop: leaveRunning };
  const portFile = join(folder, 'port');
  const sharedPort = Number(await readFile(portFile, 'utf8').catch(() => '0'));
  if (await answers(sharedPort))
    return { url: urlOf(sharedPort), origin: 'another run of this service', stop: leaveRunning };

  let program = await findRedisServer();
  if (program === undefined) {
    if (await answers(usualPort))
      return { url: urlOf(usualPort), origin: 'running already', stop: leaveRunning };
    program = await installRedisServer(say);
  }
  const server = await startRedisServer({ program, folder });
  await writeFile(portFile, String(server.port));
  // Whatever ends this process, and however impatiently, the server that it started goes too.
  process.once('exit', () => server.process.kill());
  return {
    url: server.url,
    origin: `private, ${program}`,
    async stop() {
      await rm(portFile, { force: true });
      await server.stop();
    },
  };
}

async function leaveRunning(): Promise<void> {}

function urlOf(port: number): string {
  return `redis://127.0.0.1:${port}`;
}

/** A machine that is busy with other things answers late; where nobody listens, the system says so at once. */
const answerWithinMs = 5_000;

/** Whether a Redis server answers a PING there, without a password. */
function answers(port: number): Promise<boolean> {
  if (!(port > 0)) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(answerWithinMs, () => settle(false));
    socket.once('data', (data) => settle(String(data).startsWith('+PONG')));
    socket.once('error', () => settle(false));
  });
}
