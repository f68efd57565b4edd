import { putLoad } from './load.ts';
import type { ServerProcess } from './servers.ts';

const body = JSON.stringify({
  prompt: 'calm lofi with soft piano and dusty drums, 80 bpm',
  duration: 10,
  priority: 'HIGH',
});

/** The figures of one round against one server. */
export interface RequestFigures {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Of the server's process, in microseconds a request. */
  cpuMicroseconds: number;
}

export interface RequestOptions {
  server: ServerProcess;
  connections: number;
  seconds: number;
  /** Sent with every request. */
  headers?: string;
}

/** Submits tasks; sees the ids of the first ones. */
export function measureSubmissions(options: RequestOptions, ids: string[]): Promise<RequestFigures> {
  const text = requestText(`POST /api/v1/generate`, options.headers, body);
  return measured(options, () => text, {
    first: 1_000,
    see: (answer) => ids.push((JSON.parse(answer) as { id: string }).id),
  });
}

/** Asks for waiting tasks, one after the other. */
export function measureReads(options: RequestOptions, ids: readonly string[]): Promise<RequestFigures> {
  const texts = ids.map((id) => requestText(`GET /api/v1/tasks/${id}`, options.headers));
  return measured(options, (index) => texts[index % texts.length] ?? '');
}

async function measured(
  { server, connections, seconds }: RequestOptions,
  textOf: (index: number) => string,
  onBody?: Parameters<typeof putLoad>[0]['onBody'],
): Promise<RequestFigures> {
  const cpuSeconds = () => server.metric('process_cpu_seconds_total');
  const before = await cpuSeconds();
  const load = { port: server.port, connections, seconds, requestText: textOf };
  const { requests, ...figures } = await putLoad(onBody ? { ...load, onBody } : load);
  return { ...figures, cpuMicroseconds: (((await cpuSeconds()) - before) / requests) * 1e6 };
}

function requestText(line: string, headers = '', content = ''): string {
  const typed =
    content === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${content.length}\r\n`;
  return `${line} HTTP/1.1\r\nHost: localhost\r\n${headers}${typed}\r\n${content}`;
}
