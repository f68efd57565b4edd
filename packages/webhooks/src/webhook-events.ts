import type { EventEmitter } from 'node:events';
import type { WebhookEvent } from '@musicgen/contract';

/** One attempt, as it is told to whoever watches. Of the address only the host: the rest of it may be a secret. */
export interface DeliveryAttempt {
  deliveryId: string;
  taskId: string;
  event: WebhookEvent;
  host: string;
  /** 1 for the first. */
  attempt: number;
  durationMs: number;
  /** How long after it was due. */
  lagMs: number;
}

/** What the deliverer reports; apps turn these into metrics and log lines. */
export interface WebhookEventMap {
  /** The receiver has it. */
  'webhook:delivered': [DeliveryAttempt & { status: number }];
  /** It failed and will be tried again. */
  'webhook:retrying': [DeliveryAttempt & { reason: string; retryInMs: number }];
  /** It is a dead letter now: every attempt failed, the receiver wants no more, or its address is forbidden. */
  'webhook:dead': [DeliveryAttempt & { reason: string; cause: DeathCause }];
  /** Another process has taken it over; what this one learned does not count. */
  'webhook:lost': [DeliveryAttempt];
  /** Redis did not take the result of an attempt, so there will be another. */
  'webhook:unsettled': [{ deliveryId: string; error: unknown }];
  /** What a task was submitted with cannot be read as a webhook. */
  'webhook:unreadable': [{ taskId: string }];
}

export type DeathCause = 'exhausted' | 'gone' | 'blocked';

export type WebhookEvents = EventEmitter<WebhookEventMap>;
