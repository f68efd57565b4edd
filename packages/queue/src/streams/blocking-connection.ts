import { ServiceError, toServiceError } from '@musicgen/contract';
import type { QueueEvents } from '../queue-events.ts';
import { disposableDuplicate, type RedisClient } from './redis-client.ts';

/** How much later than the server a blocking command may answer before its connection counts as dead. */
const graceMs = 1_000;

export interface BlockingConnectionOptions {
  redis: RedisClient;
  /** What it is for, for the event that reports its replacement. */
  role: string;
  events: QueueEvents;
}

/** A connection for commands that block, which serve nobody else meanwhile. */
export interface BlockingConnection {
  /**
   * Sends a command that the server answers within `blockMs`.
   * @throws ServiceError `dependency_unavailable` when there is no answer in time or the connection breaks; the next
   *   call opens a new one.
   */
  run<Reply>(blockMs: number, send: (redis: RedisClient) => Promise<Reply>): Promise<Reply>;
  /** Ends the running command with an error. */
  interrupt(): void;
  close(): void;
}

/**
 * Opens a connection of its own on first use and watches it: what has not answered within its time and a grace is
 * dead, whatever the client library believes. The server's own timeout is not enough, because a half-open socket
 * never delivers it.
 */
export function createBlockingConnection({
  redis,
  role,
  events,
}: BlockingConnectionOptions): BlockingConnection {
  let connection: RedisClient | undefined;
  let closed = false;

  function open(): RedisClient {
    const opened = disposableDuplicate(redis);
    // Commands carry their own errors; without a listener the client would print this one.
    opened.on('error', () => {});
    return opened;
  }

  function drop(dead: RedisClient): boolean {
    if (connection !== dead) return false;
    connection = undefined;
    dead.disconnect();
    return true;
  }

  function interrupt(): void {
    if (connection !== undefined) drop(connection);
  }

  return {
    async run(blockMs, send) {
      if (closed) throw new ServiceError('dependency_unavailable', `The ${role} connection is closed`);
      connection ??= open();
      const current = connection;
      try {
        return await withinDeadline(blockMs + graceMs, send(current));
      } catch (thrown) {
        const error = toServiceError(thrown, 'dependency_unavailable');
        const broke = drop(current);
        if (broke) events.emit('connection:replaced', { role, error });
        throw error;
      }
    },
    interrupt,
    close() {
      closed = true;
      interrupt();
    },
  };
}

/**
 * The promise's outcome, or an error once the deadline has passed. It passes in two halves: when this process or the whole
 * machine stood still for longer, what was asked for just before has the second half to come.
 * @throws ServiceError `dependency_unavailable` after `deadlineMs`.
 */
export function withinDeadline<Value>(deadlineMs: number, promise: Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const error = () =>
      new ServiceError('dependency_unavailable', `Redis gave no answer within ${deadlineMs} ms`);
    let timer = setTimeout(() => {
      timer = setTimeout(() => reject(error()), deadlineMs / 2);
    }, deadlineMs / 2);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
