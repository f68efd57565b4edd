export { type ErrorCode, errorCodes, ServiceError, toServiceError } from './errors.ts';
export { type Priority, parsePriority, priorities, priorityNames, prioritySchema } from './priorities.ts';
export { isTerminal, type TaskStage, type TaskStatus, taskStages, taskStatuses } from './statuses.ts';
