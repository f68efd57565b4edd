import type {
  AutoscaleAdvice,
  CleanupReport,
  FleetModels,
  HealthDetail,
  LiveWorkers,
  Priority,
  QueueListing,
  QueueState,
  StalledTasks,
  TaskDistribution,
  TaskHealth,
  TaskMetrics,
  TaskPerformance,
  TaskTrends,
} from '@musicgen/contract';
import type { CallOptions, Transport } from './transport.ts';

const base = '/api/v1/monitoring';

/** What the service can do and how it does; all but the first three need the scope `monitor`. */
export function monitoringCalls({ json }: Transport) {
  const look =
    <Answer>(path: string) =>
    ({ signal }: CallOptions = {}): Promise<Answer> =>
      json({ path, signal });

  return {
    /** What the fleet can run now. */
    getModels: look<FleetModels>('/api/v1/models'),
    /** How busy the service is, and when a piece of 10 s would be done. */
    getQueueState: look<QueueState>('/api/v1/queue'),
    /** What the API process depends on, part by part; needs no key. */
    getHealth: look<HealthDetail>('/healthz'),

    /** Whether the fleet is well, and what is wrong in words. */
    getTaskHealth: look<TaskHealth>(`${base}/tasks/health`),
    getTaskMetrics: look<TaskMetrics>(`${base}/tasks/metrics`),
    getTaskDistribution: look<TaskDistribution>(`${base}/tasks/distribution`),
    getWorkers: look<LiveWorkers>(`${base}/workers`),
    getAutoscale: look<AutoscaleAdvice>(`${base}/autoscale`),

    /** How fast and how well tasks were done in the last `timeWindowSeconds` (60 to 604 800; an hour when absent). */
    getTaskPerformance({
      timeWindowSeconds,
      signal,
    }: CallOptions & { timeWindowSeconds?: number } = {}): Promise<TaskPerformance> {
      return json({
        path: `${base}/tasks/performance`,
        query: { time_window: timeWindowSeconds },
        signal,
      });
    },

    /** What happened hour by hour in the last `hours` (1 to 168; 24 when absent). */
    getTaskTrends({ hours, signal }: CallOptions & { hours?: number } = {}): Promise<TaskTrends> {
      return json({ path: `${base}/tasks/trends`, query: { hours }, signal });
    },

    /** The first `limit` (1 to 1000; 100 when absent) tasks of one queue, in claim order. */
    getQueue(
      priority: Priority,
      { limit, signal }: CallOptions & { limit?: number } = {},
    ): Promise<QueueListing> {
      return json({
        path: `${base}/tasks/queue/${encodeURIComponent(priority)}`,
        query: { limit },
        signal,
      });
    },

    /** Attempts that have run for longer than `stallTimeoutSeconds` (the service's own limit when absent). */
    getStalledTasks({
      stallTimeoutSeconds,
      limit,
      signal,
    }: CallOptions & { stallTimeoutSeconds?: number; limit?: number } = {}): Promise<StalledTasks> {
      return json({
        path: `${base}/tasks/stalled`,
        query: { stall_timeout: stallTimeoutSeconds, limit },
        signal,
      });
    },

    /** Does now what maintenance does every few seconds. */
    cleanUpTasks({ signal }: CallOptions = {}): Promise<CleanupReport> {
      return json({ method: 'POST', path: `${base}/tasks/cleanup`, signal });
    },
  };
}
