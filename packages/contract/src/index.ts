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
export { type ErrorCode, errorCodes, isRetryable, ServiceError, toServiceError } from './errors.ts';
export {
  type AcceptedRequest,
  acceptedRequestSchema,
  batchSchema,
  type GenerateRequest,
  generateRequestSchema,
  maxBatchLength,
  maxPromptLength,
  type RequestLimits,
  type Submission,
  submissionSchema,
  taskChangeSchema,
} from './generate-request.ts';
export {
  autoscaleSchema,
  cleanupReportSchema,
  fleetModelsSchema,
  healthDetailSchema,
  healthStatuses,
  liveWorkersSchema,
  queueListingSchema,
  queueStateSchema,
  stalledTasksSchema,
  taskDistributionSchema,
  taskHealthSchema,
  taskMetricsSchema,
  taskPerformanceSchema,
  taskTrendsSchema,
} from './monitoring.ts';
export {
  deadLettersSchema,
  drainingWorkerSchema,
  type ExportLine,
  effectiveConfigSchema,
  exportLineSchema,
  exportVersion,
  pausedQueuesSchema,
} from './operation.ts';
export { type Priority, parsePriority, priorities, priorityNames, prioritySchema } from './priorities.ts';
export { type FieldError, type Problem, problemOf, problemSchema } from './problem.ts';
export { problemGuide } from './problem-guide.ts';
export { isTerminal, type TaskStage, type TaskStatus, taskStages, taskStatuses } from './statuses.ts';
export {
  estimateSchema,
  submittedTaskSchema,
  type Task,
  type TaskResult,
  taskPageSchema,
  taskResultSchema,
  taskSchema,
} from './task.ts';
export {
  type Webhook,
  type WebhookEvent,
  webhookEvents,
  webhookSchema,
  webhookSecretSchema,
} from './webhook.ts';
export {
  type ModelDescription,
  modelDescriptionSchema,
  type WorkerDescription,
  workerDescriptionSchema,
} from './worker-description.ts';
