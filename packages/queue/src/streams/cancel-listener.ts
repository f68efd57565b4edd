import type { QueueContext } from './context.ts';
import { type RedisClient, subscriberDuplicate } from './redis-client.ts';

export interface CancelListener {
  /** Calls the listener with the id of every running task whose cancellation is requested. Returns the undo. */
  listen(listener: (taskId: string) => void): () => void;
  close(): void;
}

/**
 * Hears of cancellations over pub/sub. Nothing depends on it: what a lost message would have said, the answer to the
 * next heartbeat says. So this connection may reconnect by itself, unwatched.
 */
export function createCancelListener({ redis, keys }: QueueContext): CancelListener {
  const listeners = new Set<(taskId: string) => void>();
  let subscriber: RedisClient | undefined;

  function subscribe(): RedisClient {
    const connection = subscriberDuplicate(redis);
    connection.on('error', () => {});
    connection.on('message', (_channel: string, taskId: string) => {
      for (const listener of listeners) listener(taskId);
    });
    // Fails only when the connection breaks or is closed first; it is ready again then, or not needed any more.
    connection.on('ready', () => void connection.subscribe(keys.cancelChannel).catch(() => {}));
    return connection;
  }

  return {
    listen(listener) {
      subscriber ??= subscribe();
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      listeners.clear();
      subscriber?.disconnect();
    },
  };
}
