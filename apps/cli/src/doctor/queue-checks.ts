import { type Priority, priorityNames, workerDescriptionSchema } from '@musicgen/contract';
import { createStreamsQueue, type StreamsMonitor, type WorkerPresence } from '@musicgen/queue';
import { formatSeconds } from '../format.ts';
import { type Check, type Finding, failed, ok, skipped, warning } from './check.ts';
import type { RedisConnection } from './open-redis.ts';

/** Maintenance goes round every 5 seconds while any process of ours runs. */
const maintenanceLateMs = 60_000;

/** What lies in Redis: streams, tasks, workers. */
export function queueChecks({ redis }: RedisConnection, prefix: string): Check[] {
  const monitor = redis && createStreamsQueue({ redis, prefix }).createMonitor();
  const checks = {
    streams: checkStreams,
    tasks: checkTasks,
    workers: checkWorkers,
    maintenance: checkMaintenance,
  };
  return Object.entries(checks).map(([name, look]) => ({
    name,
    async look() {
      if (monitor === undefined) return skipped('Redis does not answer.');
      return look(monitor).catch((error: unknown) => refuseForeignKeys(error, prefix));
    },
  }));
}

function refuseForeignKeys(error: unknown, prefix: string): Finding {
  if (!String((error as Error).cause ?? error).includes('WRONGTYPE')) throw error;
  return failed(
    `Something else lies under the keys that begin with "${prefix}:".`,
    'Set TASK_KEY_PREFIX to a word that nothing else in this Redis uses.',
  );
}

async function checkStreams(monitor: StreamsMonitor): Promise<Finding> {
  const streams = await monitor.streams();
  const ungrouped = streams.filter(({ hasGroup }) => !hasGroup).map(({ priority }) => priority);
  const missing = streams.reduce((sum, stream) => sum + stream.missing, 0);
  if (missing > 0)
    return failed(
      `${missing} tasks wait without an entry in their stream: no worker finds them. Data was lost.`,
      'Leave an API or a worker running: they are put back within TASK_CLEANUP_INTERVAL seconds.',
    );
  const entries = streams.reduce((sum, stream) => sum + stream.entries, 0);
  if (ungrouped.length === priorityNames.length && entries === 0)
    return ok('Nothing is there yet; the first process makes the streams and their groups.');
  if (ungrouped.length > 0)
    return failed(
      `The consumer group of ${ungrouped.join(', ')} is gone: no worker can claim from there.`,
      'Start an API or a worker: each makes the groups when it starts.',
    );
  return ok(`${entries} entries in ${streams.length} streams, every group is there.`);
}

async function checkTasks(monitor: StreamsMonitor): Promise<Finding> {
  const [queues, dead] = await Promise.all([monitor.queues(), monitor.deadLetters()]);
  const paused = queues.filter((queue) => queue.paused && queue.waiting > 0);
  if (paused.length > 0)
    return warning(
      `${listOf(paused)} is paused while tasks wait in it.`,
      `POST /api/v1/admin/queues/${paused[0]?.priority}/resume, or they expire.`,
    );
  if (dead > 0)
    return warning(
      `${dead} dead letters: tasks that used up their attempts.`,
      'GET /api/v1/admin/dead-letters says why each failed; mend that, then requeue or delete them.',
    );
  const waiting = queues.reduce((sum, queue) => sum + queue.waiting, 0);
  const running = queues.reduce((sum, queue) => sum + queue.running, 0);
  return ok(`${waiting} wait, ${running} run, no dead letters.`);
}

async function checkWorkers(monitor: StreamsMonitor): Promise<Finding> {
  const [workers, queues] = await Promise.all([monitor.workers(), monitor.queues()]);
  const working = workers.filter(({ draining }) => !draining);
  const served = new Set(working.flatMap(prioritiesOf));
  const stranded = queues.filter(
    ({ priority, waiting, paused }) => waiting > 0 && !paused && !served.has(priority),
  );
  if (stranded.length > 0)
    return failed(
      `Tasks wait in ${listOf(stranded)} and no live worker serves it.`,
      `Start a worker whose WORKER_PRIORITIES has ${listOf(stranded)}, or find out why it is not ready.`,
    );
  if (working.length === 0) return warning('No worker lives.', 'Start one: node apps/worker/dist/main.js.');
  const unserved = priorityNames.filter((priority) => !served.has(priority));
  if (unserved.length > 0)
    return warning(
      `No live worker serves ${unserved.join(', ')}.`,
      'Start one whose WORKER_PRIORITIES has it.',
    );
  return ok(`${working.length} live, all priorities are served.`);
}

async function checkMaintenance(monitor: StreamsMonitor): Promise<Finding> {
  const [cleanedAt, now] = await Promise.all([monitor.cleanedAt(), monitor.now()]);
  if (cleanedAt === undefined) return skipped('No process of ours has ever run on this Redis.');
  const ageMs = now - cleanedAt;
  const ago = formatSeconds(ageMs / 1000);
  if (ageMs <= maintenanceLateMs) return ok(`Went round ${ago} ago.`);
  return warning(
    `Lost, due and expired tasks were last looked for ${ago} ago.`,
    'Start an API or a worker; if one runs, its log says duty:failed and why.',
  );
}

const servesSchema = workerDescriptionSchema.pick({ priorities: true });

function prioritiesOf({ description }: WorkerPresence): Priority[] {
  return servesSchema.safeParse(description).data?.priorities ?? [];
}

function listOf(queues: readonly { priority: Priority }[]): string {
  return queues.map(({ priority }) => priority).join(', ');
}
