/** What a process opened, to be closed in reverse. */
export interface Releasers {
  /** Remembers how to undo what was just opened. */
  add(what: string, release: () => unknown): void;
  /** Undoes everything, last opened first, and goes on past failures, which it logs. */
  releaseAll(): Promise<void>;
}

export function createReleasers(logger: { error(message: string, meta: object): unknown }): Releasers {
  const opened: { what: string; release: () => unknown }[] = [];
  return {
    add(what, release) {
      opened.push({ what, release });
    },
    async releaseAll() {
      for (let last = opened.pop(); last !== undefined; last = opened.pop()) {
        try {
          await last.release();
        } catch (error) {
          logger.error(`closing ${last.what} failed`, { error });
        }
      }
    },
  };
}
