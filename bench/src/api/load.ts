import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { percentile } from '../percentile.ts';

export interface LoadOptions {
  port: number;
  /** Each sends its next request when it has its answer. */
  connections: number;
  seconds: number;
  /** The whole text of the nth request. */
  requestText: (index: number) => string;
  /** Sees the first bodies, at most so many. */
  onBody?: { first: number; see: (body: string) => void };
}

export interface LoadFigures {
  requests: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/**
 * Loads a server over plain sockets: an HTTP client of Node's needs as much of the machine as the server that is measured.
 * @throws Error for any answer but 2xx.
 */
export async function putLoad(options: LoadOptions): Promise<LoadFigures> {
  const { connections, seconds, requestText, onBody } = options;
  const times: number[] = [];
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1000;
  let sent = 0;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const connection = await openConnection(options.port);
      while (performance.now() < endsAt) {
        const sentAt = performance.now();
        const body = await connection.ask(requestText(sent++));
        times.push(performance.now() - sentAt);
        if (onBody && times.length <= onBody.first) onBody.see(body);
      }
      connection.close();
    }),
  );
  const elapsed = (performance.now() - startedAt) / 1000;
  return {
    requests: times.length,
    perSecond: times.length / elapsed,
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
  };
}

async function openConnection(port: number) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  socket.setEncoding('latin1');
  return { ask: (text: string) => ask(socket, text), close: () => socket.destroy() };
}

function ask(socket: Socket, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const settle = (error?: Error, body = '') => {
      socket.off('data', read).off('close', broken);
      if (error) reject(error);
      else resolve(body);
    };
    const broken = () => settle(new Error('The server closed the connection.'));
    const read = (chunk: string) => {
      received += chunk;
      const head = received.indexOf('\r\n\r\n');
      if (head < 0) return;
      const [, length] = /\r\ncontent-length: (\d+)/i.exec(received) ?? [];
      const end = head + 4 + Number(length ?? 0);
      if (received.length < end) return;
      if (received.startsWith('HTTP/1.1 2')) settle(undefined, received.slice(head + 4, end));
      else settle(new Error(received.slice(0, 500)));
    };
    socket.on('data', read).once('close', broken);
    socket.write(text);
  });
}
