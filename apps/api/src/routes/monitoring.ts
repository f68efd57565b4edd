import {
  autoscaleSchema,
  cleanupReportSchema,
  liveWorkersSchema,
  queueListingSchema,
  stalledTasksSchema,
  taskDistributionSchema,
  taskHealthSchema,
  taskMetricsSchema,
  taskPerformanceSchema,
  taskTrendsSchema,
} from '@musicgen/contract';
import { z } from 'zod';
import type { AppOptions } from '../app.ts';
import { autoscale, ofOneProcess } from '../monitoring/autoscale.ts';
import { listStalled, listWaiting } from '../monitoring/listings.ts';
import { distributionOf, healthOf, metricsOf, performanceView, trendsView } from '../monitoring/views.ts';
import { presentWorkers } from '../monitoring/workers.ts';
import { integerParameter, type Route, type RouteSpec, route } from '../openapi/route.ts';
import { timestamp } from '../timestamps.ts';
import { priorityParams } from './priority-path.ts';

type Options = Pick<
  AppOptions,
  'kind' | 'monitor' | 'estimator' | 'cleanUp' | 'closing' | 'stallTimeoutSeconds' | 'autoscaling'
>;

const look = {
  method: 'get',
  tag: 'Monitoring',
  scope: 'monitor',
  errors: ['dependency_unavailable'],
} as const satisfies Partial<RouteSpec>;

/** What operators and autoscalers look at. Every answer costs the same for ten tasks and for a million. */
export function monitoringRoutes(options: Options): Route[] {
  return [...statisticsRoutes(options), ...listingRoutes(options), ...fleetRoutes(options)];
}

function statisticsRoutes({ monitor, estimator }: Options): Route[] {
  return [
    route({
      ...look,
      operationId: 'getTaskHealth',
      path: '/api/v1/monitoring/tasks/health',
      summary: 'Whether the fleet is well, and what is wrong in words',
      responses: {
        200: { description: 'How it stands, also when it stands badly.', body: taskHealthSchema },
      },
      handle: async (_input, res) => void res.json(await healthOf(monitor, estimator)),
    }),
    route({
      ...look,
      operationId: 'getTaskMetrics',
      path: '/api/v1/monitoring/tasks/metrics',
      summary: 'How many tasks there are and how long they take',
      responses: { 200: { description: 'The numbers.', body: taskMetricsSchema } },
      handle: async (_input, res) => void res.json(await metricsOf(monitor)),
    }),
    route({
      ...look,
      operationId: 'getTaskDistribution',
      path: '/api/v1/monitoring/tasks/distribution',
      summary: 'Tasks by status, priority and age',
      responses: { 200: { description: 'The counts.', body: taskDistributionSchema } },
      handle: async (_input, res) => void res.json(await distributionOf(monitor)),
    }),
    route({
      ...look,
      operationId: 'getTaskPerformance',
      path: '/api/v1/monitoring/tasks/performance',
      summary: 'How fast and how well tasks were done lately',
      query: z.strictObject({
        time_window: integerParameter({ min: 60, max: 604_800 })
          .default(3600)
          .describe('Seconds to look back: to the minute, over a day to the hour.'),
      }),
      responses: { 200: { description: 'Over the window.', body: taskPerformanceSchema } },
      errors: ['invalid_request', 'dependency_unavailable'],
      handle: async ({ query }, res) =>
        void res.json(performanceView(await monitor.performance(query.time_window * 1000))),
    }),
    route({
      ...look,
      operationId: 'getTaskTrends',
      path: '/api/v1/monitoring/tasks/trends',
      summary: 'What happened hour by hour',
      query: z.strictObject({
        hours: integerParameter({ min: 1, max: 168 })
          .default(24)
          .describe('How many, the current one included.'),
      }),
      responses: { 200: { description: 'By hour, the oldest first.', body: taskTrendsSchema } },
      errors: ['invalid_request', 'dependency_unavailable'],
      handle: async ({ query }, res) => void res.json(trendsView(await monitor.trends(query.hours))),
    }),
  ];
}

const limit = integerParameter({ min: 1, max: 1000 }).default(100).describe('The most tasks to list.');

function listingRoutes({ monitor, stallTimeoutSeconds }: Options): Route[] {
  return [
    route({
      ...look,
      operationId: 'getQueue',
      path: '/api/v1/monitoring/tasks/queue/{priority}',
      summary: 'The first tasks of one queue, in claim order',
      params: priorityParams,
      invalidParams: 'unknown_priority',
      query: z.strictObject({ limit }),
      responses: { 200: { description: 'The queue.', body: queueListingSchema } },
      errors: ['unknown_priority', 'invalid_request', 'dependency_unavailable'],
      handle: async ({ params, query }, res) =>
        void res.json(await listWaiting(monitor, { ...params, ...query })),
    }),
    route({
      ...look,
      operationId: 'getStalledTasks',
      path: '/api/v1/monitoring/tasks/stalled',
      summary: 'Attempts that have run for long',
      query: z.strictObject({
        stall_timeout: integerParameter({ min: 1, max: 604_800 })
          .default(stallTimeoutSeconds)
          .describe('Seconds that count as long.'),
        limit,
      }),
      responses: { 200: { description: 'The longest first.', body: stalledTasksSchema } },
      errors: ['invalid_request', 'dependency_unavailable'],
      handle: async ({ query }, res) => void res.json(await listStalled(monitor, query)),
    }),
  ];
}

function fleetRoutes({ kind, monitor, estimator, cleanUp, closing, autoscaling }: Options): Route[] {
  return [
    route({
      ...look,
      operationId: 'cleanUpTasks',
      method: 'post',
      path: '/api/v1/monitoring/tasks/cleanup',
      summary: 'Do now what maintenance does every few seconds',
      responses: { 200: { description: 'What was done, within ten seconds.', body: cleanupReportSchema } },
      handle: async (_input, res) => {
        const { recovered, expired, removed } = await cleanUp(closing);
        res.json({
          status: 'cleanup completed',
          recovered_tasks: recovered,
          expired_tasks: expired,
          removed_tasks: removed,
          timestamp: timestamp(Date.now()),
        });
      },
    }),
    route({
      ...look,
      operationId: 'getWorkers',
      path: '/api/v1/monitoring/workers',
      summary: 'Live workers',
      responses: { 200: { description: 'All of them.', body: liveWorkersSchema } },
      handle: async (_input, res) => {
        const [present, backlog] = await Promise.all([monitor.workers(), monitor.backlog()]);
        res.json(presentWorkers(present, backlog));
      },
    }),
    route({
      ...look,
      operationId: 'getAutoscale',
      path: '/api/v1/monitoring/autoscale',
      summary: 'How many workers there should be',
      description:
        'For the `metrics-api` scaler of KEDA: `valueLocation: desired_replicas`, `targetValue: "1"`.',
      responses: { 200: { description: 'The advice and what it rests on.', body: autoscaleSchema } },
      handle: async (_input, res) => {
        const advice = autoscale(await estimator.fleet(), autoscaling);
        res.json(kind === 'advanced' ? advice : ofOneProcess(advice));
      },
    }),
  ];
}
