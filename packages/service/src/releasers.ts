/** What a process opened, to be closed in reverse. */
export interface Releasers {
  /** Remembers how to undo what was just opened; once everything is released, undoes it at once. */
  add(what: string, release: () => unknown): void;
  /** Undoes everything, last opened first, and goes on past failures, which it logs. */
  releaseAll(): Promise<void>;
}

interface Opened {
  what: string;
  release: () => unknown;
}

export function createReleasers(logger: { error(message: string, meta: object): unknown }): Releasers {
  const opened: Opened[] = [];
  let released = false;

  async function undo({ what, release }: Opened): Promise<void> {
    try {
      await release();
    } catch (error) {
      logger.error(`closing ${what} failed`, { error });
    }
  }

  return {
    add(what, release) {
      if (released) void undo({ what, release });
      else opened.push({ what, release });
    },
    async releaseAll() {
      released = true;
      for (let last = opened.pop(); last !== undefined; last = opened.pop()) await undo(last);
    },
  };
}
