import { ServiceError } from '@musicgen/contract';
import { crashed, describeExit, type Exit, revive, type WorkReport } from './engine-child.ts';
import type { GenerateOptions, Piece } from './piece.ts';

/** How one child's work on a piece ended: with the piece, or with the child, and another is to go on. */
export type Attempt = { piece: Piece } | { again: 'as before' | 'alone' };

type PieceReport = Exclude<WorkReport, { type: 'effort' }>;

interface Pending extends Pick<GenerateOptions, 'onProgress' | 'onPreview'> {
  resolve(attempt: Attempt): void;
  reject(error: ServiceError): void;
  /** Whether the child has begun to work on it. */
  isStarted: boolean;
}

/** The pieces that a child has been given, and who waits for them. */
export class PendingPieces {
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

  /**
   * Gives a piece to the child under a new id, and waits for how its work ends.
   * @throws ServiceError what the child reports, or `endAll` decides
   */
  async attempt({ onProgress, onPreview }: GenerateOptions, give: (id: number) => void): Promise<Attempt> {
    const id = this.#nextId++;
    try {
      return await new Promise<Attempt>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject, onProgress, onPreview, isStarted: false });
        give(id);
      });
    } finally {
      this.#pending.delete(id);
    }
  }

  has(id: number): boolean {
    return this.#pending.has(id);
  }

  /** Passes on what the child says about one of them. */
  settle(report: PieceReport): void {
    const pending = this.#pending.get(report.id);
    if (pending === undefined) return;
    switch (report.type) {
      case 'progress':
        pending.isStarted = true;
        pending.onProgress?.(report.progress);
        return;
      case 'preview':
        pending.onPreview?.(report.stretch);
        return;
      case 'failed':
        pending.reject(revive(report.error));
        return;
      case 'done':
        pending.resolve({ piece: report.piece });
        return;
      default:
        report satisfies never;
    }
  }

  /** What becomes of the pieces a child has left behind. Any of several may have brought it down, so none is blamed. */
  endAll(exit: Exit, engine: 'closed' | 'restarting'): void {
    const left = [...this.#pending.values()];
    const started = left.filter((pending) => pending.isStarted).length;
    for (const pending of left) {
      if (engine === 'closed') {
        pending.reject(new ServiceError('draining', 'The engine was closed while it worked on the piece'));
      } else if (!pending.isStarted) pending.resolve({ again: 'as before' });
      else if (started > 1) pending.resolve({ again: 'alone' });
      else pending.reject(crashed(`ended while it worked on the piece (${describeExit(exit)})`));
    }
  }
}
