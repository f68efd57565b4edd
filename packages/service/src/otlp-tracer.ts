import { setTimeout as delay } from 'node:timers/promises';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { formatTraceparent, parseTraceparent, type SpanOptions, type Tracer } from './tracing.ts';

const kinds: Record<NonNullable<SpanOptions['kind']>, SpanKind> = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  consumer: SpanKind.CONSUMER,
};

/**
 * Sends spans in batches over OTLP/HTTP. Endpoint, headers, sampler and the like are read by OpenTelemetry itself from
 * the `OTEL_…` variables that all its programs know.
 */
export function createOtlpTracer({ serviceName, version }: { serviceName: string; version: string }) {
  const own = resourceFromAttributes({ 'service.name': serviceName, 'service.version': version });
  const provider = new BasicTracerProvider({
    resource: own.merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  const otel = provider.getTracer('musicgen-service', version);

  const tracer: Tracer = {
    startSpan(name, { parent, kind = 'internal', attributes = {}, startedAt } = {}) {
      const span = otel.startSpan(
        name,
        { kind: kinds[kind], attributes, startTime: startedAt },
        contextOf(parent),
      );
      const { traceId, spanId, traceFlags: flags } = span.spanContext();
      return {
        traceId,
        traceparent: formatTraceparent({ traceId, spanId, flags }),
        end({ name: finalName, attributes: more, failure, at } = {}) {
          if (finalName !== undefined) span.updateName(finalName);
          if (more !== undefined) span.setAttributes(more);
          if (failure !== undefined) {
            span.setAttribute('error.type', failure).setStatus({ code: SpanStatusCode.ERROR });
          }
          span.end(at);
        },
      };
    },
  };
  return {
    tracer,
    /** Sends what is left, but waits for no collector that is away. */
    close: (withinMs: number) =>
      Promise.race([provider.shutdown().catch(() => {}), delay(withinMs, undefined, { ref: false })]),
  };
}

function contextOf(parent: string | undefined) {
  const known = parseTraceparent(parent);
  if (known === undefined) return ROOT_CONTEXT;
  const { traceId, spanId, flags } = known;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: flags, isRemote: true });
}
