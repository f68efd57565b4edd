export {
  type ApiKey,
  type ApiKeys,
  apiKeySchema,
  apiKeysSchema,
  type CreatedApiKey,
  callerNamePattern,
  createdApiKeySchema,
  type NewApiKey,
  newApiKeySchema,
  type Scope,
  scopes,
} from './api-keys.ts';
export {
  type AudioFormat,
  audioFormatNames,
  audioFormats,
  type Inspection,
  inspectionSchema,
  type Peaks,
  type Provenance,
  peaksSchema,
  provenanceSchema,
} from './audio-formats.ts';
export {
  type ErrorCode,
  errorCodes,
  isRetryable,
  redisFailure,
  ServiceError,
  toServiceError,
} from './errors.ts';
export {
  type AcceptedRequest,
  acceptedRequestSchema,
  batchSchema,
  type GenerateRequest,
  type GenerateRequestInput,
  generateRequestSchema,
  type RequestLimits,
  type Submission,
  type SubmissionInput,
  submissionSchema,
  type TaskChange,
  taskChangeSchema,
} from './generate-request.ts';
export { maxBatchLength, maxPromptLength, maxVariations } from './limits.ts';
export {
  type AutoscaleAdvice,
  autoscaleSchema,
  type CleanupReport,
  cleanupReportSchema,
  type FleetModels,
  fleetModelsSchema,
  type HealthDetail,
  healthDetailSchema,
  healthStatuses,
  type LiveWorkers,
  liveWorkersSchema,
  type QueueListing,
  type QueueState,
  queueListingSchema,
  queueStateSchema,
  type StalledTasks,
  stalledTasksSchema,
  type TaskDistribution,
  type TaskHealth,
  type TaskMetrics,
  type TaskPerformance,
  type TaskTrends,
  taskDistributionSchema,
  taskHealthSchema,
  taskMetricsSchema,
  taskPerformanceSchema,
  taskTrendsSchema,
} from './monitoring.ts';
export {
  type DeadLetters,
  type DrainingWorker,
  deadLettersSchema,
  drainingWorkerSchema,
  type EffectiveConfig,
  type ExportLine,
  effectiveConfigSchema,
  exportLineSchema,
  exportVersion,
  type PausedQueues,
  pausedQueuesSchema,
} from './operation.ts';
export { type Priority, parsePriority, priorities, priorityNames, prioritySchema } from './priorities.ts';
export { type FieldError, type Problem, problemOf, problemSchema } from './problem.ts';
export { problemGuide } from './problem-guide.ts';
export { isTerminal, type TaskStage, type TaskStatus, taskStages, taskStatuses } from './statuses.ts';
export {
  type Estimate,
  estimateSchema,
  type SubmittedBatch,
  type SubmittedTask,
  submittedBatchSchema,
  submittedTaskSchema,
  type Task,
  type TaskPage,
  type TaskResult,
  taskPageSchema,
  taskResultSchema,
  taskSchema,
} from './task.ts';
export { type Upload, uploadIdSchema, uploadSchema } from './upload.ts';
export {
  type Webhook,
  type WebhookEvent,
  webhookEvents,
  webhookSchema,
  webhookSecretSchema,
} from './webhook.ts';
export {
  type DeliveryStatus,
  deliveryStatuses,
  type WebhookDeliveries,
  type WebhookDelivery,
  webhookDeliveriesSchema,
  webhookDeliverySchema,
} from './webhook-delivery.ts';
export {
  type ModelDescription,
  modelDescriptionSchema,
  type WorkerDescription,
  workerDescriptionSchema,
} from './worker-description.ts';
