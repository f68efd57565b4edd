import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type ClientOptions, createClient } from './index.ts';

export interface Received {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingMessage['headers'];
  body: string;
}

/** Answers one request. */
export type Answer = (res: ServerResponse, req: IncomingMessage) => void;

export const json =
  (status: number, body: object, headers: Record<string, string> = {}): Answer =>
  (res) =>
    res.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));

export const problem = (status: number, code: string, headers: Record<string, string> = {}): Answer =>
  json(status, { type: `/problems/${code}`, title: 't', status, detail: `It is ${code}.`, code }, headers);

/** Cuts the connection before an answer. */
export const hangUp: Answer = (res) => res.destroy();

/** Takes the request and never answers. */
export const keepSilent: Answer = () => {};

/** Begins with these events, then cuts the connection or, where it is told so, ends it. */
export const events =
  (chunks: readonly string[], end: 'ends' | 'breaks'): Answer =>
  (res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const [last = '', ...before] = chunks.toReversed();
    for (const chunk of before.toReversed()) res.write(chunk);
    if (end === 'ends') res.end(last);
    else res.write(last, () => res.destroy());
  };

/** A service that fails as it is told to: it gives these answers one after the other, the last one for good. */
export async function startFailingService(answers: readonly Answer[]) {
  const received: Received[] = [];
  const server = createServer(async (req, res) => {
    const { method, url, headers } = req;
    received.push({ method, url, headers, body: await text(req) });
    answers[Math.min(received.length, answers.length) - 1]?.(res, req);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const baseUrl = `http://127.0.0.1:${port}`;
  return {
    received,
    baseUrl,
    client: (options: ClientOptions = {}) => createClient({ baseUrl, ...options }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
