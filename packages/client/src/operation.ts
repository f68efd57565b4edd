import type {
  ApiKey,
  ApiKeys,
  CreatedApiKey,
  DeadLetters,
  DeliveryStatus,
  DrainingWorker,
  EffectiveConfig,
  ExportLine,
  NewApiKey,
  PausedQueues,
  Priority,
  Task,
  WebhookDeliveries,
  WebhookDelivery,
} from '@musicgen/contract';
import { linesOf } from './streams.ts';
import { unlessDoneBefore } from './tasks.ts';
import type { CallOptions, Transport } from './transport.ts';

export interface PageQuery {
  /** 1 to 100. */
  limit?: number | undefined;
  /** `next_cursor` of the page before. */
  cursor?: string | undefined;
}

const path = (...parts: string[]) => ['/api/v1/admin', ...parts.map(encodeURIComponent)].join('/');

/** What operators do; needs the scope `admin`. */
export function operationCalls({ json, send }: Transport) {
  return {
    /** Keeps workers from taking tasks of a priority. */
    pauseQueue(priority: Priority, options: CallOptions = {}): Promise<PausedQueues> {
      return json({ method: 'POST', path: path('queues', priority, 'pause'), ...options });
    },
    resumeQueue(priority: Priority, options: CallOptions = {}): Promise<PausedQueues> {
      return json({ method: 'POST', path: path('queues', priority, 'resume'), ...options });
    },

    /** Lets a worker finish what it has and exit. */
    drainWorker(id: string, options: CallOptions = {}): Promise<DrainingWorker> {
      return json({ method: 'POST', path: path('workers', id, 'drain'), ...options });
    },

    /** Tasks that used up their attempts, the latest first. */
    listDeadLetters({ limit, cursor }: PageQuery = {}, options: CallOptions = {}): Promise<DeadLetters> {
      return json({ path: path('dead-letters'), query: { limit, cursor }, ...options });
    },
    /** Gives a dead letter all its attempts and its time to live again. */
    requeueDeadLetter(id: string, options: CallOptions = {}): Promise<Task> {
      return json({
        method: 'POST',
        path: path('dead-letters', id, 'requeue'),
        repeatable: false,
        ...options,
      });
    },
    /** Strikes a dead letter off the list; the failed task stays until its time is over. */
    async dropDeadLetter(id: string, options: CallOptions = {}): Promise<void> {
      await send({ method: 'DELETE', path: path('dead-letters', id), ...options }).catch(unlessDoneBefore);
    },

    /** Makes an API key; only this answer holds it. */
    createKey(key: NewApiKey, options: CallOptions = {}): Promise<CreatedApiKey> {
      return json({ method: 'POST', path: path('keys'), json: key, repeatable: false, ...options });
    },
    async listKeys(options: CallOptions = {}): Promise<ApiKey[]> {
      return (await json<ApiKeys>({ path: path('keys'), ...options })).keys;
    },
    /** Ends an API key for good; `id` is not the key itself. */
    revokeKey(id: string, options: CallOptions = {}): Promise<ApiKey> {
      return json({ method: 'DELETE', path: path('keys', id), ...options });
    },

    /** The log of webhook deliveries, the newest first. */
    listWebhookDeliveries(
      { status, limit, cursor }: PageQuery & { status?: DeliveryStatus } = {},
      options: CallOptions = {},
    ): Promise<WebhookDeliveries> {
      return json({ path: path('webhook-deliveries'), query: { status, limit, cursor }, ...options });
    },
    /** Sends a webhook again, whatever became of it. */
    resendWebhookDelivery(id: string, options: CallOptions = {}): Promise<WebhookDelivery> {
      return json({ method: 'POST', path: path('webhook-deliveries', id, 'resend'), ...options });
    },

    /** The settings that are in force at the API process that answers, without secrets. */
    getConfig(options: CallOptions = {}): Promise<EffectiveConfig> {
      return json({ path: path('config'), ...options });
    },

    /** Every task, line by line; the last `cursor` goes on after a broken connection. */
    async *exportTasks({
      cursor,
      ...options
    }: CallOptions & { cursor?: string } = {}): AsyncGenerator<ExportLine> {
      const headers = { Accept: 'application/x-ndjson, application/problem+json' };
      const response = await send({ path: path('tasks', 'export'), query: { cursor }, headers, ...options });
      for await (const line of linesOf(response)) yield JSON.parse(line) as ExportLine;
    },
  };
}
