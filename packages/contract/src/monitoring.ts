import { z } from 'zod';
import { priorityNames } from './priorities.ts';
import { taskSchema } from './task.ts';
import { modelDescriptionSchema } from './worker-description.ts';

const time = z.iso.datetime();
const count = z.int().min(0);
const seconds = z.number().min(0);
const priority = z.enum(priorityNames);
const byPriority = z.object({ CRITICAL: count, HIGH: count, NORMAL: count, LOW: count });

/** How many tasks there are and how they do. */
export const taskMetricsSchema = z.object({
  total_tasks: count.describe('Tasks that exist, whatever their status.'),
  pending_tasks: count,
  processing_tasks: count,
  completed_tasks: count,
  failed_tasks: count,
  avg_processing_time: seconds.describe(
    'Seconds, of what was completed in the last hour; 0 when nothing was.',
  ),
  queue_length: count.describe('Pending and processing tasks together.'),
});

export type TaskMetrics = z.infer<typeof taskMetricsSchema>;

export const healthStatuses = ['healthy', 'degraded', 'unhealthy'] as const;

export const taskHealthSchema = z.object({
  status: z.enum(healthStatuses),
  metrics: taskMetricsSchema,
  queue_status: z.array(
    z.object({
      priority,
      length: count,
      oldest_task_age: seconds.nullable(),
      paused: z.boolean().describe('Nothing is taken from a paused queue.'),
      submitted_total: count.describe('Ever submitted to this queue; two looks make a rate.'),
      ended_total: count.describe('Ever ended in it, however they ended.'),
    }),
  ),
  stream_info: z.object({
    length: count.describe('Entries of the lifecycle stream.'),
    first_entry: z.string().nullable(),
    last_entry: z.string().nullable(),
    consumer_groups: count.describe('Work streams that workers can read: 4 when the queue is whole.'),
  }),
  warnings: z.array(z.string()),
  last_cleanup: time.nullable(),
});

export type TaskHealth = z.infer<typeof taskHealthSchema>;

export const taskDistributionSchema = z.object({
  by_status: z.object({
    pending: count,
    processing: count,
    completed: count,
    failed: count,
    cancelled: count,
    expired: count,
  }),
  by_priority: byPriority,
  by_age: z
    .object({
      '< 1 min': count,
      '1-5 min': count,
      '5-15 min': count,
      '15-60 min': count,
      '1-6 hours': count,
      '6-24 hours': count,
      '> 24 hours': count,
    })
    .describe('Since the submission; below an hour to the minute, above to the hour.'),
});

export type TaskDistribution = z.infer<typeof taskDistributionSchema>;

export const taskPerformanceSchema = z
  .object({
    avg_processing_time: seconds,
    p50_processing_time: seconds,
    p95_processing_time: seconds,
    p99_processing_time: seconds,
    success_rate: z.number().min(0).max(1).describe('Completed of all that ended without being cancelled.'),
    retry_rate: z.number().min(0).max(1).describe('Attempts that led to another, of all that ended.'),
    throughput_per_minute: z.number().min(0),
    completed_tasks: count.describe('In the window. Where it is 0 the times above are 0 too.'),
    failed_tasks: count,
  })
  .describe('Percentiles are at most 10 % too high.');

export type TaskPerformance = z.infer<typeof taskPerformanceSchema>;

export const queueListingSchema = z.object({
  priority,
  total_length: count,
  tasks: z.array(
    taskSchema.extend({
      queue_position: z.int().min(1),
      queue_time: seconds.describe('Seconds that it has waited here.'),
    }),
  ),
  oldest_task_age: seconds.nullable(),
});

export type QueueListing = z.infer<typeof queueListingSchema>;

export const stalledTasksSchema = z.object({
  total_stalled: count,
  stall_timeout: seconds,
  tasks: z.array(
    taskSchema.extend({ stall_duration: seconds.describe('Seconds that the attempt has run.') }),
  ),
});

export type StalledTasks = z.infer<typeof stalledTasksSchema>;

export const taskTrendsSchema = z.object({
  time_range: z.object({ start: time, end: time, hours: z.int() }),
  trends: z
    .record(z.string(), z.object({ created: count, completed: count, failed: count }))
    .describe('By hour, in UTC: `2026-11-22 17:00`.'),
});

export type TaskTrends = z.infer<typeof taskTrendsSchema>;

export const cleanupReportSchema = z.object({
  status: z.literal('cleanup completed'),
  recovered_tasks: count.describe('Taken back from workers that are lost.'),
  expired_tasks: count.describe('Not finished within their time to live.'),
  removed_tasks: count.describe('Finished and past their time.'),
  timestamp: time,
});

export type CleanupReport = z.infer<typeof cleanupReportSchema>;

export const liveWorkersSchema = z.object({
  total: count,
  slots: count.describe('Tasks that they can work on at once.'),
  busy_slots: count,
  workers: z.array(
    z.object({
      id: z.string(),
      state: z.enum(['idle', 'busy', 'draining']),
      slots: count,
      busy_slots: count,
      tasks: z
        .array(
          z.object({
            id: z.string(),
            started_at: time,
            seconds_left: seconds
              .nullable()
              .describe('As the worker measured it; null until it has made some of the piece.'),
          }),
        )
        .describe('What it works on, the longest running first; of all workers together at most 100.'),
      priorities: z.array(priority),
      models: z.array(modelDescriptionSchema.pick({ id: true, precision: true, speed: true })),
      seen_at: time.describe('Workers say every 20 seconds that they live; after 60 they count as gone.'),
    }),
  ),
});

export type LiveWorkers = z.infer<typeof liveWorkersSchema>;

export const autoscaleSchema = z.object({
  queued: count.describe('Claimable tasks, paused queues left out.'),
  processing: count,
  workers: count,
  slots: count,
  backlog_seconds: seconds.describe(
    'How long the present workers need for all that waits and runs; what one slot would need while there is none.',
  ),
  desired_replicas: count,
  reason: z.string(),
});

export type AutoscaleAdvice = z.infer<typeof autoscaleSchema>;

/** What one process sees of what it depends on. */
export const healthDetailSchema = z.object({
  status: z
    .enum(['ok', 'degraded'])
    .describe('`degraded` when Redis or the store does not answer, or the process closes.'),
  version: z.string(),
  node: z.string(),
  redis: z
    .object({ up: z.boolean(), version: z.string().nullable() })
    .nullable()
    .describe('Null where the process keeps tasks in its own memory.'),
  store: z.object({ up: z.boolean() }),
  queue: z.object({
    kind: z
      .enum(['advanced', 'basic', 'memory'])
      .describe(
        'What keeps the tasks: Redis for a fleet (`advanced`), Redis for this one process (`basic`), or the memory of this process.',
      ),
    waiting: count.nullable(),
    processing: count.nullable(),
  }),
  workers: z.object({ live: count.nullable(), slots: count.nullable() }),
});

export type HealthDetail = z.infer<typeof healthDetailSchema>;

/** A model that live workers run. */
const fleetModelSchema = modelDescriptionSchema.extend({
  workers: count.describe('Live workers that run it.'),
  slots: count,
  max_duration: seconds.describe('The longest piece a request may ask for.'),
});

export const fleetModelsSchema = z.object({
  default: z.string().nullable().describe('For requests that name none; null while no worker lives.'),
  models: z.array(fleetModelSchema),
});

export type FleetModels = z.infer<typeof fleetModelsSchema>;

export const queueStateSchema = z.object({
  accepting: z.boolean().describe('Whether a task submitted now would be admitted.'),
  waiting: count,
  capacity: count.describe('So many may wait.'),
  processing: count,
  wait: z
    .object({ p50: seconds.nullable(), p95: seconds.nullable() })
    .describe('Seconds that tasks started in the last hour had waited; null when none was.'),
  queues: z.array(
    z.object({
      priority,
      length: count,
      oldest_task_age: seconds.nullable(),
      paused: z.boolean(),
      eta: z
        .object({ start_in: seconds, finish_in: seconds })
        .nullable()
        .describe('Seconds until a piece of 10 s submitted now would start and be done; null when unknown.'),
    }),
  ),
});

export type QueueState = z.infer<typeof queueStateSchema>;
