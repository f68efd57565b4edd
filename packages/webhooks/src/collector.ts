import { type WebhookEvent, webhookEvents, webhookSchema } from '@musicgen/contract';
import type { Deliveries } from './deliveries.ts';
import type { WebhookEvents } from './webhook-events.ts';

/** A turn of a task that someone outside is to hear of. */
export interface Notice {
  id: string;
  taskId: string;
  status: string;
  at: number;
  /** The task's webhook as JSON. */
  notify: string;
}

/** Where notices come from: they come again until they are acknowledged. */
export interface NoticeSource {
  read(limit: number, wait: { waitMs: number; signal: AbortSignal }): Promise<Notice[]>;
  acknowledge(ids: readonly string[]): Promise<void>;
}

export interface CollectorOptions {
  source: NoticeSource;
  deliveries: Pick<Deliveries, 'add'>;
  events: WebhookEvents;
}

const pageLength = 100;
const waitMs = 5_000;

/**
 * Turns notices into deliveries, one page a call; waits a moment when there are none. A notice is acknowledged once its
 * delivery is stored, and a delivery is stored once however often its notice comes.
 * @returns how many notices there were.
 */
export function createCollector({ source, deliveries, events }: CollectorOptions) {
  async function take({ id, taskId, status, at, notify }: Notice): Promise<void> {
    const webhook = parseWebhook(notify);
    const event = eventOf(status);
    if (webhook === undefined || event === undefined) {
      events.emit('webhook:unreadable', { taskId });
      return;
    }
    const { url, secret } = webhook;
    if (webhook.events.includes(event))
      await deliveries.add({ id: `msg_${id}`, taskId, event, url, secret, at });
  }

  return async (signal: AbortSignal): Promise<number> => {
    const notices = await source.read(pageLength, { waitMs, signal });
    await Promise.all(notices.map(take));
    await source.acknowledge(notices.map(({ id }) => id));
    return notices.length;
  };
}

function parseWebhook(text: string) {
  try {
    return webhookSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function eventOf(status: string): WebhookEvent | undefined {
  return webhookEvents.find((event) => event === `task.${status}`);
}
