import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { chunksOf } from './streams.ts';
import type { CallOptions } from './transport.ts';

/** Where a stream of server-sent events goes on after a break. */
export interface StreamPlace {
  /** Empty at its start. */
  lastEventId: string;
  /** How long the service wants to be left alone first. */
  reconnectMs: number;
}

/** The service sends a comment every 15 seconds; after this long the connection is dead, whatever it looks like. */
const silenceMs = 45_000;
const usualReconnectMs = 2_000;

export function startOfStream(): StreamPlace {
  return { lastEventId: '', reconnectMs: usualReconnectMs };
}

export function headersAt({ lastEventId }: StreamPlace): Record<string, string> {
  return {
    Accept: 'text/event-stream, application/problem+json',
    ...(lastEventId !== '' && { 'Last-Event-ID': lastEventId }),
  };
}

/**
 * The events of one connection as they come, each noted in `place`; ends when the connection does, and when it breaks.
 * @throws the signal's reason
 */
export async function* eventsIn(
  { body }: Response,
  { place, signal }: CallOptions & { place: StreamPlace },
): AsyncGenerator<EventSourceMessage> {
  if (body === null) return;
  const arrived: EventSourceMessage[] = [];
  const parser = createParser({
    onEvent: (event) => arrived.push(event),
    onRetry: (ms) => {
      place.reconnectMs = ms;
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of unbroken(chunksOf(body, { silenceMs }), signal)) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    for (const event of arrived.splice(0)) {
      place.lastEventId = event.id ?? place.lastEventId;
      yield event;
    }
  }
}

/** Takes a break for an end. */
async function* unbroken<Chunk>(chunks: AsyncGenerator<Chunk>, signal: AbortSignal | undefined) {
  try {
    yield* chunks;
  } catch {
    signal?.throwIfAborted();
  }
}
