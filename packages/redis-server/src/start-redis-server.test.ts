import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { startRedisServer } from './start-redis-server.ts';

jest.mock('./free-port.ts', () => ({ freePort: jest.fn(jest.requireActual('./free-port.ts').freePort) }));

/** Speaks the inline protocol, so that this package needs no Redis client. */
function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    socket.once('data', (data) => {
      socket.destroy();
      resolve(String(data));
    });
    socket.once('error', reject);
  });
}

test('a private server answers, evicts nothing and is gone after stop', async () => {
  const server = await startRedisServer();
  expect(await ask(server.port, 'PING')).toBe('+PONG\r\n');
  expect(await ask(server.port, 'CONFIG GET maxmemory-policy')).toContain('noeviction');
  await server.stop();
  await expect(ask(server.port, 'PING')).rejects.toThrow('ECONNREFUSED');
});

test('data in a folder of its own survives a restart', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-test-'));
  const first = await startRedisServer({ folder });
  await ask(first.port, 'SET piece lofi');
  await first.stop();
  const second = await startRedisServer({ folder });
  expect(await ask(second.port, 'GET piece')).toContain('lofi');
  await second.stop();
  await rm(folder, { recursive: true });
});

test('a server that cannot start says why', async () => {
  await expect(startRedisServer({ settings: { maxmemory: 'a lot' } })).rejects.toThrow(
    /did not start: .*maxmemory/,
  );
});

test('a port that somebody else takes just before is not insisted on, unless it was asked for', async () => {
  const first = await startRedisServer();
  jest.mocked(freePort).mockResolvedValueOnce(first.port);
  const second = await startRedisServer();
  expect(second.port).not.toBe(first.port);
  expect(await ask(second.port, 'PING')).toBe('+PONG\r\n');
  await second.stop();
  await expect(startRedisServer({ port: first.port })).rejects.toThrow(/did not start: .*in use/);
  await first.stop();
});
