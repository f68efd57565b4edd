/** A piece of work with a beginning and an end, in the trace of the request that caused it. */
export interface Span {
  /** The trace's id in hexadecimal, for log lines; undefined where there is no trace. */
  traceId: string | undefined;
  /** What to hand on, as in the W3C header of that name; undefined where there is no trace. */
  traceparent: string | undefined;
  end(outcome?: SpanOutcome): void;
}

export type Attributes = Record<string, string | number | boolean>;

export interface SpanOutcome {
  /** Where the name is only known at the end. */
  name?: string;
  attributes?: Attributes;
  /** Why it failed, from the closed list of reasons. */
  failure?: string;
  /** Unix milliseconds; now if absent. */
  at?: number;
}

export interface SpanOptions {
  /** What caused it; anything but a valid `traceparent` counts as nothing. */
  parent?: string | undefined;
  /** `server`: answers a request; `consumer`: works on what came over a queue. */
  kind?: 'internal' | 'server' | 'consumer';
  attributes?: Attributes;
  /** Unix milliseconds; now if absent. */
  startedAt?: number;
}

export interface Tracer {
  startSpan(name: string, options?: SpanOptions): Span;
}

/** The two ids of a `traceparent`, W3C Trace Context level 1. */
export interface TraceContext {
  traceId: string;
  spanId: string;
  flags: number;
}

const form = /^00-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})$/;

export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  const [, traceId, spanId, flags] = form.exec(text ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}

export function formatTraceparent({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`;
}

/** Records nothing, and hands on the trace of whoever calls us, so that logs can be found by it. */
export const noTracer: Tracer = {
  startSpan(_name, { parent } = {}) {
    const traceId = parseTraceparent(parent)?.traceId;
    return traceId === undefined ? noSpan : { traceId, traceparent: parent, end() {} };
  },
};

const noSpan: Span = { traceId: undefined, traceparent: undefined, end() {} };
