import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Fault, ProxyFaultKind } from './plan.ts';

export interface ProxyFault extends Pick<Fault, 'target' | 'share' | 'lastsMs'> {
  kind: ProxyFaultKind;
}

/** Stands between the processes under test and Redis, and does to their connections what networks do. */
export interface FaultyProxy {
  port: number;
  connections(): number;
  inflict(fault: ProxyFault): void;
  close(): Promise<void>;
}

interface Link {
  client: Socket;
  server: Socket;
}

/** Forwards connections to a port of this machine that may come and go. */
export async function startFaultyProxy(serverPort: number): Promise<FaultyProxy> {
  const links = new Set<Link>();
  const listener = createServer((client) => {
    const link: Link = { client, server: connect(serverPort, '127.0.0.1') };
    links.add(link);
    for (const socket of [link.client, link.server]) {
      socket.setNoDelay(true);
      // `close` follows, and ends the other side.
      socket.on('error', () => {});
      socket.once('close', () => {
        cut(link);
        links.delete(link);
      });
    }
    forward(link);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('The system gave no free port.');

  return {
    port: address.port,
    connections: () => links.size,
    inflict(fault) {
      for (const link of pick([...links], fault)) disturb(link, fault);
    },
    async close() {
      listener.close();
      for (const link of links) cut(link);
      await once(listener, 'close');
    },
  };
}

function pick(links: readonly Link[], { target, share }: ProxyFault): Link[] {
  const count = Math.min(links.length, Math.max(1, Math.ceil(share * links.length)));
  const first = Math.floor(target * links.length);
  return [...links, ...links].slice(first, first + count);
}

function disturb(link: Link, { kind, lastsMs }: ProxyFault): void {
  switch (kind) {
    case 'proxy:cut':
      cut(link);
      break;
    case 'proxy:drop_replies':
      // Redis still gets every command; nobody hears what it answers, and then the connection breaks.
      link.server.unpipe(link.client);
      link.server.resume();
      later(lastsMs, () => cut(link));
      break;
    case 'proxy:stall':
      hold(link);
      later(lastsMs, () => forward(link));
      break;
    case 'proxy:silence':
      // A half-open connection: neither side is told, and whoever waits on it must find out by its own clock.
      hold(link);
      later(lastsMs, () => cut(link));
      break;
    default:
      kind satisfies never;
  }
}

function forward({ client, server }: Link): void {
  if (client.destroyed || server.destroyed) return;
  client.pipe(server);
  server.pipe(client);
}

function hold({ client, server }: Link): void {
  client.unpipe(server);
  server.unpipe(client);
  client.pause();
  server.pause();
}

function cut({ client, server }: Link): void {
  client.destroy();
  server.destroy();
}

function later(ms: number, act: () => void): void {
  setTimeout(act, ms).unref();
}
