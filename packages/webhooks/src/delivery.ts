import { type DeliveryStatus, deliveryStatuses, type WebhookEvent, webhookEvents } from '@musicgen/contract';

/** One event on its way to one receiver. Times are Unix milliseconds. */
export interface Delivery {
  /** The `webhook-id`: the same for every attempt. */
  id: string;
  taskId: string;
  event: WebhookEvent;
  status: DeliveryStatus;
  url: string;
  /** When it happened. */
  at: number;
  attempts: number;
  /** When it is taken up next; absent when it is over. */
  nextAt?: number;
  lastAt?: number;
  /** HTTP status of the last answer. */
  lastStatus?: number;
  /** Why the last attempt failed, in a sentence. */
  lastError?: string;
}

/** What only the deliverer sees. */
export interface ClaimedDelivery extends Delivery {
  secret: string | undefined;
  /** Random; settling asks for it. */
  token: string;
  /** How long after it was due it was claimed. */
  lagMs: number;
}

type Fields = Record<string, string | undefined>;

/** A delivery from its hash, or nothing when there is none. */
export function deliveryFromFields(id: string, fields: Fields): Delivery | undefined {
  const event = webhookEvents.find((known) => known === fields.event);
  const status = deliveryStatuses.find((known) => known === fields.status);
  if (event === undefined || status === undefined || fields.url === undefined) return undefined;
  return {
    id,
    taskId: fields.taskId ?? '',
    event,
    status,
    url: fields.url,
    at: Number(fields.at),
    attempts: Number(fields.attempts ?? 0),
    ...(status === 'pending' && { nextAt: Number(fields.nextAt) }),
    ...(fields.lastAt !== undefined && { lastAt: Number(fields.lastAt) }),
    ...(fields.lastStatus !== undefined && { lastStatus: Number(fields.lastStatus) }),
    ...(fields.lastError !== undefined && { lastError: fields.lastError }),
  };
}

/** A flat Redis reply (field, value, field, value …) as an object. */
export function fieldsFromReply(reply: readonly string[]): Fields {
  const fields: Fields = {};
  for (let index = 0; index + 1 < reply.length; index += 2) fields[String(reply[index])] = reply[index + 1];
  return fields;
}
