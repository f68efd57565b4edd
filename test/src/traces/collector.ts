import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** A span as it came in, with the name of the service that sent it. */
export interface CollectedSpan {
  service: string;
  name: string;
  kind: number;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: { stringValue?: string; intValue?: number } }[];
  status: { code?: number };
}

interface Export {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: Omit<CollectedSpan, 'service'>[] }[];
  }[];
}

/** As much of an OTLP/HTTP collector as tests need: takes traces in JSON and keeps them. */
export async function startCollector() {
  const spans: CollectedSpan[] = [];
  const listeners = new Set<() => void>();
  const server = createServer(async (req, res) => {
    if (req.url !== '/v1/traces' || !req.headers['content-type']?.startsWith('application/json'))
      return void res.writeHead(404).end();
    spans.push(...spansOf((await json(req)) as Export));
    res.setHeader('Content-Type', 'application/json').end('{}');
    for (const look of listeners) look();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    /** Resolves once what was collected fulfils the condition. */
    until: (isEnough: (spans: CollectedSpan[]) => boolean) =>
      new Promise<void>((resolve) => {
        const look = () => isEnough(spans) && resolve();
        listeners.add(look);
        look();
      }),
    close: () => server.close(),
  };
}

function spansOf({ resourceSpans }: Export): CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ service, ...span })));
  });
}
