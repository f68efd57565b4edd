import type { GenerateRequest } from '@musicgen/contract';

/** What is submitted together, all or none. */
export interface NewTasks {
  /** In a batch each request stands at a place of its own in the body. */
  kind: 'single' | 'batch';
  requests: readonly GenerateRequest[];
  idempotencyKey?: string | undefined;
  /** What the key stands for: the same for a repetition of this submission, another for any other. */
  fingerprint?: unknown;
  /** Passed on to the outbox in place of what the requests say. */
  notify?: string | undefined;
}

/** Where the nth request stands in the body. */
export function pathOf({ kind }: Pick<NewTasks, 'kind'>, index: number): PropertyKey[] {
  return kind === 'batch' ? ['requests', index] : [];
}
