import { setTimeout as delay } from 'node:timers/promises';

export interface EveryOptions {
  intervalMs: number;
  /** One turn of the duty; the signal aborts when the loop is stopped. */
  run: (signal: AbortSignal) => Promise<unknown>;
  /** A turn that throws ends that turn only. */
  onError: (error: unknown) => void;
}

export interface Loop {
  /** Starts no further turn and resolves when the running one has ended. */
  stop(): Promise<void>;
}

/**
 * Runs a duty now and again `intervalMs` after each turn has ended, so turns never overlap. Each pause is spread by
 * ±10 %, or a fleet that started together would knock on Redis together for ever.
 */
export function every({ intervalMs, run, onError }: EveryOptions): Loop {
  const stopping = new AbortController();
  const finished = turnUntil(stopping.signal, async () => {
    await run(stopping.signal).catch(onError);
    const pauseMs = intervalMs * (0.9 + Math.random() * 0.2);
    await delay(pauseMs, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
  });
  return {
    async stop() {
      stopping.abort();
      await finished;
    },
  };
}

async function turnUntil(signal: AbortSignal, turn: () => Promise<void>): Promise<void> {
  while (!signal.aborted) await turn();
}
