import { createServer, type RequestListener, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ErrorCode, errorCodes, problemOf } from '@musicgen/contract';

export interface ServerTimeouts {
  /** From the first byte of a request to the end of its headers. */
  headersMs: number;
  /** To the end of its body. */
  requestMs: number;
  /** How often connections are looked over. */
  checkMs: number;
}

const defaultTimeouts: ServerTimeouts = { headersMs: 15_000, requestMs: 120_000, checkMs: 5_000 };

/**
 * An HTTP server around the app that waits for nobody for ever, and answers what is no request, too large or too slow with
 * a problem as well: those never reach the app.
 */
export function createHttpServer(app: RequestListener, timeouts: ServerTimeouts = defaultTimeouts): Server {
  const { headersMs, requestMs, checkMs } = timeouts;
  const server = createServer(
    { headersTimeout: headersMs, requestTimeout: requestMs, connectionsCheckingInterval: checkMs },
    app,
  );
  return server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuse(error, socket));
}

const refusals: Record<string, [ErrorCode, string]> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'All headers together may have at most 16 kB.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request did not arrive whole in time.'],
};

function refuse({ code = '' }: NodeJS.ErrnoException, socket: Duplex): void {
  // Whoever has gone away, or is in the middle of an answer, can be told nothing.
  if (!socket.writable || code === 'ECONNRESET') return void socket.destroy();
  const [reason, detail] = refusals[code] ?? ['malformed_request', 'The request cannot be read as HTTP/1.1.'];
  const body = JSON.stringify(problemOf(reason, detail));
  socket.end(
    [
      `HTTP/1.1 ${errorCodes[reason].status} ${errorCodes[reason].title}`,
      'Content-Type: application/problem+json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}
