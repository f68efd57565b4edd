/** Wakes whoever waits for something: for one ring, the one that has waited longest. */
export interface Bell<Name extends string> {
  ring(name: Name): void;
  /** Resolves when the bell rings for one of the names, after `timeoutMs`, or when the signal aborts. */
  wait(names: readonly Name[], timeoutMs: number, signal?: AbortSignal): Promise<void>;
}

interface Waiter<Name extends string> {
  names: readonly Name[];
  wake: () => void;
}

export function createBell<Name extends string>(): Bell<Name> {
  const waiters = new Set<Waiter<Name>>();
  return {
    ring(name) {
      const first = [...waiters].find(({ names }) => names.includes(name));
      first?.wake();
    },
    wait(names, timeoutMs, signal) {
      return new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const waiter: Waiter<Name> = { names, wake };
        const timer = setTimeout(wake, timeoutMs).unref();
        function wake(): void {
          waiters.delete(waiter);
          clearTimeout(timer);
          signal?.removeEventListener('abort', wake);
          resolve();
        }
        signal?.addEventListener('abort', wake, { once: true });
        waiters.add(waiter);
      });
    },
  };
}
