import {
  deliveryStatuses,
  ServiceError,
  webhookDeliveriesSchema,
  webhookDeliverySchema,
} from '@musicgen/contract';
import type { Delivery } from '@musicgen/webhooks';
import { z } from 'zod';
import type { AppOptions } from '../app.ts';
import { type Route, route } from '../openapi/route.ts';
import { timestamp, timestampOrNull } from '../timestamps.ts';

const idPattern = /^[\w-]{1,64}$/;

type Options = Pick<AppOptions, 'webhooks'>;

/** The log of webhook deliveries, and sending one again. */
export function webhookDeliveryRoutes(options: Options): Route[] {
  return [listDeliveries(options), resendDelivery(options)];
}

function listDeliveries({ webhooks: { deliveries } }: Options): Route {
  return route({
    operationId: 'listWebhookDeliveries',
    method: 'get',
    path: '/api/v1/admin/webhook-deliveries',
    tag: 'Operation',
    scope: 'admin',
    summary: 'Webhook deliveries, the newest first',
    query: z.strictObject({
      status: z.enum(deliveryStatuses).optional().describe('Only these; `dead` are the dead letters.'),
      limit: z.coerce.number().int().min(1).max(100).default(50).describe('At most so many.'),
      cursor: z.string().regex(idPattern).optional().describe('The `next_cursor` of the page before.'),
    }),
    responses: {
      200: {
        description: 'A page. Deliveries are kept for seven days after they are over.',
        body: webhookDeliveriesSchema,
      },
    },
    errors: ['invalid_request', 'dependency_unavailable'],
    handle: async ({ query }, res) => {
      const { deliveries: found, nextCursor } = await deliveries.list(query);
      res.json({ deliveries: found.map(view), next_cursor: nextCursor ?? null });
    },
  });
}

function resendDelivery({ webhooks: { deliveries } }: Options): Route {
  return route({
    operationId: 'resendWebhookDelivery',
    method: 'post',
    path: '/api/v1/admin/webhook-deliveries/{id}/resend',
    tag: 'Operation',
    scope: 'admin',
    summary: 'Send a webhook again, now, whatever became of it',
    params: z.object({ id: z.string().regex(idPattern).describe('The id of the delivery.') }),
    responses: {
      202: { description: 'It is on its way, with all its attempts before it.', body: webhookDeliverySchema },
    },
    errors: ['not_found', 'redis_full', 'dependency_unavailable'],
    handle: async ({ params }, res) => {
      const delivery = await deliveries.resend(params.id);
      if (delivery === undefined) throw new ServiceError('not_found', 'There is no delivery with this id.');
      res.status(202).json(view(delivery));
    },
  });
}

function view(delivery: Delivery): z.input<typeof webhookDeliverySchema> {
  const { origin, pathname } = new URL(delivery.url);
  return {
    id: delivery.id,
    task_id: delivery.taskId,
    event: delivery.event,
    status: delivery.status,
    url: `${origin}${pathname}`,
    attempts: delivery.attempts,
    created_at: timestamp(delivery.at),
    next_attempt_at: timestampOrNull(delivery.nextAt),
    last_attempt_at: timestampOrNull(delivery.lastAt),
    last_status: delivery.lastStatus ?? null,
    last_error: delivery.lastError ?? null,
  };
}
