export { createCollector, type Notice, type NoticeSource } from './collector.ts';
export { createDeliverer, type Deliverer } from './deliverer.ts';
export { createDeliveries, type Deliveries, type DeliveryFigures } from './deliveries.ts';
export type { Delivery } from './delivery.ts';
export { createMemoryDeliveries } from './memory-deliveries.ts';
export { createTargetPolicy, type TargetPolicy } from './target.ts';
export type { DeliveryAttempt, WebhookEventMap, WebhookEvents } from './webhook-events.ts';
