import { z } from 'zod';
import { webhookEvents } from './webhook.ts';

/** `pending` until the receiver has it or it is given up as a dead letter. */
export const deliveryStatuses = ['pending', 'delivered', 'dead'] as const;

export type DeliveryStatus = (typeof deliveryStatuses)[number];

const time = z.iso.datetime();

export const webhookDeliverySchema = z
  .object({
    id: z.string().describe('The `webhook-id`, the same for every attempt.'),
    task_id: z.string(),
    event: z.enum(webhookEvents),
    status: z.enum(deliveryStatuses),
    url: z.string().describe('Without what follows the `?`.'),
    attempts: z.int(),
    created_at: time.describe('When it happened.'),
    next_attempt_at: time.nullable(),
    last_attempt_at: time.nullable(),
    last_status: z.int().nullable().describe('HTTP status of the last answer.'),
    last_error: z.string().nullable(),
  })
  .meta({ id: 'WebhookDelivery' });

export type WebhookDelivery = z.infer<typeof webhookDeliverySchema>;

/** A page of deliveries. */
export const webhookDeliveriesSchema = z.object({
  deliveries: z.array(webhookDeliverySchema),
  next_cursor: z.string().nullable(),
});

export type WebhookDeliveries = z.infer<typeof webhookDeliveriesSchema>;
