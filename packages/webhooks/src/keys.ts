/** Every Redis key of the webhooks; the scripts get the same names. */
export interface WebhookKeys {
  /** hash: one delivery; with a TTL once it is over. */
  delivery: (id: string) => string;
  /** zset, score = when to take it up: deliveries that are not over. */
  due: string;
  /** zset, all scores 0, so in the order of their ids, which begin with their time: the deliveries of one status. */
  status: (status: string) => string;
  /** zset as above: all of them. */
  all: string;
}

export function createWebhookKeys(prefix: string): WebhookKeys {
  return {
    delivery: (id) => `${prefix}:webhook:${id}`,
    due: `${prefix}:webhooks:due`,
    status: (status) => `${prefix}:webhooks:status:${status}`,
    all: `${prefix}:webhooks:all`,
  };
}
