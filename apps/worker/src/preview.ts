import { encodeWav } from '@musicgen/audio';
import type { Stretch } from '@musicgen/engine';
import { type ArtifactStore, previewKey } from '@musicgen/storage';

export interface PreviewOptions {
  store: ArtifactStore;
  taskId: string;
  sampleRate: number;
  /** A preview that cannot be stored harms nothing. */
  onError: (error: unknown) => void;
}

/** The audio of a task that is still being made. */
export interface Preview {
  add(stretch: Stretch): void;
  /** Resolves when nothing is being written any more; the finished audio has then taken its place. */
  remove(): Promise<void>;
}

/** Stores all stretches so far as one file, replaced as often as one write is done before the next stretch comes. */
export function createPreview({ store, taskId, sampleRate, onError }: PreviewOptions): Preview {
  const channels: Float32Array[][] = [];
  let isStale = false;
  let isRemoved = false;
  let writing: Promise<void> | undefined;

  async function write(): Promise<void> {
    while (isStale && !isRemoved) {
      isStale = false;
      const { file } = encodeWav(channels.map(joined), sampleRate);
      await store.put(previewKey(taskId), file).catch(onError);
    }
    writing = undefined;
  }

  return {
    add({ samples }) {
      for (const [channel, part] of samples.entries()) {
        channels[channel] ??= [];
        channels[channel].push(part);
      }
      isStale = true;
      writing ??= write();
    },
    async remove() {
      isRemoved = true;
      await writing;
      await store.remove(previewKey(taskId)).catch(onError);
    },
  };
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
