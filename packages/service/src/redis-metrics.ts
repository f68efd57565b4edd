import type { Cluster, Redis } from 'ioredis';
import { Counter, Histogram, type Registry } from 'prom-client';

/** Scripts are the queue's transitions; `server` is what probes and monitoring ask the server about itself. */
const groups = ['script', 'server', 'command'] as const;
type Group = (typeof groups)[number];

const groupOf: Record<string, Group> = {
  evalsha: 'script',
  eval: 'script',
  ping: 'server',
  info: 'server',
  time: 'server',
};

/** The client's own, some of which older servers do not know and it then does without. */
const handshake = new Set(['hello', 'auth', 'client', 'select', 'readonly']);

const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/**
 * Measures every command of a connection from its sending to its answer. Connections made for what blocks are their
 * own, and waiting is their work: they are not measured.
 */
export function observeRedis(registry: Registry, connection: Redis | Cluster): void {
  const redis: Pick<Redis, 'sendCommand'> = connection;
  const registers = [registry];
  const durations = new Histogram({
    name: 'musicgen_redis_command_duration_seconds',
    help: 'From the sending of a command to its answer.',
    labelNames: ['group'],
    buckets,
    registers,
  });
  const errors = new Counter({
    name: 'musicgen_redis_errors_total',
    help: 'Commands without an answer, or answered with an error.',
    labelNames: ['group'],
    registers,
  });
  for (const group of groups) {
    durations.zero({ group });
    errors.inc({ group }, 0);
  }

  const send = redis.sendCommand.bind(redis);
  redis.sendCommand = (command, ...rest) => {
    if (handshake.has(command.name)) return send(command, ...rest);
    const group = groupOf[command.name] ?? 'command';
    const startedAt = performance.now();
    const measure = () => durations.observe({ group }, (performance.now() - startedAt) / 1000);
    command.promise.then(measure, (error: Error) => {
      // Only that the server has to be sent a script once more.
      if (error.message.startsWith('NOSCRIPT')) return measure();
      errors.inc({ group });
    });
    return send(command, ...rest);
  };
}
