import type { Rendition } from '@musicgen/audio';
import { type ErrorCode, type Priority, priorityNames } from '@musicgen/contract';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { renditionNames } from './renditions.ts';

/** Everything the API measures, by what happened. */
export interface ApiMetrics {
  requestEnded(request: { method: string; route: string; status: number; seconds: number }): void;
  taskSubmitted(priority: Priority): void;
  submissionRefused(reason: ErrorCode): void;
  /** A submission was answered with the tasks that an earlier one with its key had made. */
  submissionReplayed(): void;
  /** A file was made of a task's audio. */
  renditionMade(format: Rendition, seconds: number): void;
  /** A request was counted against its limit by this process alone, because Redis did not answer. */
  rateCountedAlone(): void;
  /** An event stream opened; returns what to call when it closes. */
  streamOpened(): () => void;
}

/** Why a submission may be refused. */
const rejections: ErrorCode[] = [
  'malformed_json',
  'invalid_header',
  'invalid_request',
  'payload_too_large',
  'unsupported_media_type',
  'unauthorized',
  'forbidden',
  'rate_limited',
  'quota_exceeded',
  'concurrency_limit',
  'idempotency_mismatch',
  'queue_full',
  'redis_full',
  'dependency_unavailable',
];

export function createApiMetrics(registry: Registry): ApiMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: 'musicgen_http_requests_total',
    help: 'HTTP requests answered.',
    labelNames: ['method', 'route', 'code'],
    registers,
  });
  const durations = new Histogram({
    name: 'musicgen_http_request_duration_seconds',
    help: 'From the first byte of a request to the end of its answer.',
    labelNames: ['method', 'route'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const streams = new Gauge({
    name: 'musicgen_http_sse_connections',
    help: 'Event streams open now.',
    registers,
  });
  const submitted = new Counter({
    name: 'musicgen_tasks_submitted_total',
    help: 'Tasks accepted into the queue.',
    labelNames: ['priority'],
    registers,
  });
  const rejected = new Counter({
    name: 'musicgen_tasks_rejected_total',
    help: 'Submissions refused.',
    labelNames: ['reason'],
    registers,
  });
  const replays = new Counter({
    name: 'musicgen_idempotent_replays_total',
    help: 'Submissions answered with what an earlier one of the same idempotency key had made.',
    registers,
  });
  const making = new Histogram({
    name: 'musicgen_rendition_duration_seconds',
    help: "Making another format or a picture of a task's audio, when it is first asked for.",
    labelNames: ['format'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  for (const format of renditionNames) making.zero({ format });
  const countedAlone = new Counter({
    name: 'musicgen_rate_limit_fallbacks_total',
    help: 'Requests counted against their limit by one process alone, because Redis did not answer.',
    registers,
  });
  for (const priority of priorityNames) submitted.inc({ priority }, 0);
  for (const reason of rejections) rejected.inc({ reason }, 0);

  return {
    requestEnded({ method, route, status, seconds }) {
      requests.inc({ method, route, code: status });
      durations.observe({ method, route }, seconds);
    },
    taskSubmitted: (priority) => submitted.inc({ priority }),
    submissionRefused: (reason) => rejected.inc({ reason }),
    submissionReplayed: () => replays.inc(),
    renditionMade: (format, seconds) => making.observe({ format }, seconds),
    rateCountedAlone: () => countedAlone.inc(),
    streamOpened() {
      streams.inc();
      return () => streams.dec();
    },
  };
}
