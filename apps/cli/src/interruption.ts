import { ServiceError } from '@musicgen/contract';

/** Why the context's signal aborts. */
export class Interruption extends ServiceError {
  readonly by: NodeJS.Signals;

  constructor(by: NodeJS.Signals) {
    super('task_cancelled', 'Interrupted');
    this.by = by;
  }
}

/** The first signal lets the command clean up after itself; the second does not wait for that. */
export function interruptOnSignals() {
  const interruption = new AbortController();
  const interrupt = (by: NodeJS.Signals) => {
    if (interruption.signal.aborted) process.exit(130);
    interruption.abort(new Interruption(by));
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, interrupt);
  return {
    signal: interruption.signal,
    stop: () => {
      for (const signal of signals) process.off(signal, interrupt);
    },
  };
}
