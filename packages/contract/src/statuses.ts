/** Every status of a task. The last four are terminal: they never change. */
export const taskStatuses = ['pending', 'processing', 'completed', 'failed', 'cancelled', 'expired'] as const;

export type TaskStatus = (typeof taskStatuses)[number];

/** Whether a status is final. */
export function isTerminal(status: TaskStatus): boolean {
  return status !== 'pending' && status !== 'processing';
}

/** What a processing task is doing, in order. */
export const taskStages = [
  'loading_model',
  'encoding_text',
  'generating',
  'decoding',
  'encoding_audio',
  'storing',
] as const;

export type TaskStage = (typeof taskStages)[number];
