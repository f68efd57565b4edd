import type { Logger } from './logger.ts';
import type { Releasers } from './releasers.ts';
import { noTracer, type Tracer } from './tracing.ts';

export interface TracerOptions {
  /** Where traces are sent over OTLP/HTTP; without it there are none. */
  endpoint: string | undefined;
  /** `musicgen-api`. */
  serviceName: string;
  version: string;
  logger: Pick<Logger, 'warn' | 'info'>;
  releasers: Releasers;
}

/** What is still unsent when the process closes gets this long. */
const flushWithinMs = 2_000;

/**
 * The tracer of a process. OpenTelemetry is an optional dependency and is loaded only here: without an endpoint, or
 * where it is not installed, nothing is recorded and nothing costs.
 */
export async function openTracer(options: TracerOptions): Promise<Tracer> {
  const { endpoint, logger, releasers } = options;
  if (endpoint === undefined) return noTracer;
  try {
    const { createOtlpTracer } = await import('./otlp-tracer.ts');
    const { tracer, close } = createOtlpTracer(options);
    releasers.add('tracing', () => close(flushWithinMs));
    logger.info('tracing', { endpoint });
    return tracer;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    logger.warn('no traces: OpenTelemetry is not installed; npm install --include=optional installs it', {
      error,
    });
    return noTracer;
  }
}
