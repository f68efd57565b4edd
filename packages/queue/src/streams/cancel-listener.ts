import type { QueueContext } from './context.ts';
import { type RedisClient, subscriberDuplicate } from './redis-client.ts';

export interface CancelListener {
  /** Calls the listener with the id of every running task whose cancellation is requested. Returns the undo. */
  listen(listener: (taskId: string) => void): () => void;
  /** From now on there are tasks whose cancellation matters here. */
  attend(): void;
  /** There are none: gives the connection up until there are. */
  rest(): void;
  close(): void;
}

/**
 * Hears of cancellations over pub/sub. Nothing depends on it: what a lost message would have said, the answer to the
 * next heartbeat says. So this connection may reconnect by itself, unwatched; and a worker that has had nothing to do for
 * a while has none, because Redis looks after every connection a few times a second, also after one that says nothing.
 */
export function createCancelListener({ redis, keys }: Pick<QueueContext, 'redis' | 'keys'>): CancelListener {
  const listeners = new Set<(taskId: string) => void>();
  let subscriber: RedisClient | undefined;
  let attending = false;

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

  function subscribeIfNeeded(): void {
    if (attending && listeners.size > 0) subscriber ??= subscribe();
  }

  function rest(): void {
    attending = false;
    subscriber?.disconnect();
    subscriber = undefined;
  }

  return {
    listen(listener) {
      listeners.add(listener);
      subscribeIfNeeded();
      return () => listeners.delete(listener);
    },
    attend() {
      attending = true;
      subscribeIfNeeded();
    },
    rest,
    close() {
      listeners.clear();
      rest();
    },
  };
}
