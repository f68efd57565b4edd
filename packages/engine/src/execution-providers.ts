/** What ONNX Runtime can compute with, under the names of its Node binding. Which of them a machine has is another matter. */
export const executionProviders = ['cpu', 'cuda', 'tensorrt', 'webgpu', 'coreml', 'dml'] as const;
export type ExecutionProvider = (typeof executionProviders)[number];

/** A provider that a graph could not be loaded with, and why. */
export interface ProviderRefusal {
  provider: ExecutionProvider;
  reason: string;
}

/** Where a graph runs, and what was preferred to it in vain. */
export interface Placement {
  /** Such as `onnx/decoder_fast.onnx`. */
  file: string;
  provider: ExecutionProvider;
  refused: ProviderRefusal[];
}

/** `cuda (Failed to load shared library), webgpu (No supported adapters)`. */
export function describeRefusals(refused: readonly ProviderRefusal[]): string {
  return refused.map(({ provider, reason }) => `${provider} (${reason})`).join(', ');
}
