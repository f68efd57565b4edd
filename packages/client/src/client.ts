import { audioCalls } from './audio.ts';
import { followCalls } from './follow.ts';
import { monitoringCalls } from './monitoring.ts';
import { operationCalls } from './operation.ts';
import { taskCalls } from './tasks.ts';
import { type ClientOptions, createTransport } from './transport.ts';

/**
 * A client of one service. Every call but `estimate`, `run`, `eachTask`, `waitForTask` and those that make addresses has the
 * name of its operation in `/openapi.json`; all of them reject with an `ApiError`, or with the reason of their signal.
 * @throws TypeError for an address or a key that cannot be one
 */
export function createClient(options: ClientOptions = {}) {
  const transport = createTransport(options);
  const ofTasks = Object.assign(taskCalls(transport), followCalls(transport), audioCalls(transport));
  return Object.assign(ofTasks, monitoringCalls(transport), operationCalls(transport));
}

export type Client = ReturnType<typeof createClient>;
