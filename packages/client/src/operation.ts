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
    pauseQueue(priority: Priority, { signal }: CallOptions = {}): Promise<PausedQueues> {
      return json({ method: 'POST', path: path('queues', priority, 'pause'), signal });
    },
    resumeQueue(priority: Priority, { signal }: CallOptions = {}): Promise<PausedQueues> {
      return json({ method: 'POST', path: path('queues', priority, 'resume'), signal });
    },

    /** Lets a worker finish what it has and exit. */
    drainWorker(id: string, { signal }: CallOptions = {}): Promise<DrainingWorker> {
      return json({ method: 'POST', path: path('workers', id, 'drain'), signal });
    },

    /** Tasks that used up their attempts, the latest first. */
    listDeadLetters({ limit, cursor }: PageQuery = {}, { signal }: CallOptions = {}): Promise<DeadLetters> {
      return json({ path: path('dead-letters'), query: { limit, cursor }, signal });
    },
    /** Gives a dead letter all its attempts and its time to live again. */
    requeueDeadLetter(id: string, { signal }: CallOptions = {}): Promise<Task> {
      return json({
        method: 'POST',
        path: path('dead-letters', id, 'requeue'),
        repeatable: false,
        signal,
      });
    },
    /** Strikes a dead letter off the list; the failed task stays until its time is over. */
    async dropDeadLetter(id: string, { signal }: CallOptions = {}): Promise<void> {
      await send({ method: 'DELETE', path: path('dead-letters', id), signal }).catch(unlessDoneBefore);
    },

    /** Makes an API key; only this answer holds it. */
    createKey(key: NewApiKey, { signal }: CallOptions = {}): Promise<CreatedApiKey> {
      return json({ method: 'POST', path: path('keys'), json: key, repeatable: false, signal });
    },
    async listKeys({ signal }: CallOptions = {}): Promise<ApiKey[]> {
      return (await json<ApiKeys>({ path: path('keys'), signal })).keys;
    },
    /** Ends an API key for good; `id` is not the key itself. */
    revokeKey(id: string, { signal }: CallOptions = {}): Promise<ApiKey> {
      return json({ method: 'DELETE', path: path('keys', id), signal });
    },

    /** The log of webhook deliveries, the newest first. */
    listWebhookDeliveries(
      { status, limit, cursor }: PageQuery & { status?: DeliveryStatus } = {},
      { signal }: CallOptions = {},
    ): Promise<WebhookDeliveries> {
      return json({ path: path('webhook-deliveries'), query: { status, limit, cursor }, signal });
    },
    /** Sends a webhook again, whatever became of it. */
    resendWebhookDelivery(id: string, { signal }: CallOptions = {}): Promise<WebhookDelivery> {
      return json({ method: 'POST', path: path('webhook-deliveries', id, 'resend'), signal });
    },

    /** The settings that are in force at the API process that answers, without secrets. */
    getConfig({ signal }: CallOptions = {}): Promise<EffectiveConfig> {
      return json({ path: path('config'), signal });
    },

    /** Every task, line by line; the last `cursor` goes on after a broken connection. */
    async *exportTasks({
      cursor,
      signal,
    }: CallOptions & { cursor?: string } = {}): AsyncGenerator<ExportLine> {
      const headers = { Accept: 'application/x-ndjson, application/problem+json' };
      const response = await send({ path: path('tasks', 'export'), query: { cursor }, headers, signal });
      for await (const line of linesOf(response)) yield JSON.parse(line) as ExportLine;
    },
  };
}
