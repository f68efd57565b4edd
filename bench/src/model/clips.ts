import { startEngine } from '@musicgen/engine';
import type { Layout } from './layout.ts';
import { type Reading, readCodes } from './layout.ts';
import { type AudioFacts, audioFacts, audioPitchClasses, audioTempo } from './score-audio.ts';
import { type CodeFacts, codeFacts } from './score-codes.ts';

export interface ClipRequest {
  prompt: string;
  seconds: number;
  seed: number;
}

/** One generated clip, measured. */
export interface Clip extends ClipRequest {
  codes: Uint16Array;
  reading: Reading;
  facts: CodeFacts;
  audio: AudioFacts;
  audioBpm: number;
  /** Weight of each pitch class in the audio. */
  audioPitchClasses: number[];
  generationSeconds: number;
}

/** A checkpoint of the engine is 8 bytes of header, then the codes as little-endian uint16, frame after frame. */
const checkpointHeaderBytes = 8;

/** Makes and measures clips, with as many engines side by side as asked; each uses one thread. */
export async function makeClips(
  requests: ClipRequest[],
  options: { modelFolder: string; layout: Layout; engines: number },
): Promise<Clip[]> {
  const waiting = [...requests.entries()];
  const clips: Clip[] = [];
  const work = async () => {
    const engine = await startEngine({ modelFolder: options.modelFolder, threads: 1 });
    try {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const [index, request] = next;
        const startedAt = performance.now();
        const piece = await engine.generate({
          prompt: request.prompt,
          durationSeconds: request.seconds,
          seed: request.seed,
        });
        const generationSeconds = (performance.now() - startedAt) / 1000;
        const codes = readCheckpointCodes(piece.checkpoint);
        const samples = piece.samples[0] as Float32Array;
        const reading = readCodes(codes, options.layout);
        clips[index] = {
          ...request,
          codes,
          reading,
          facts: codeFacts(reading, options.layout),
          audio: audioFacts(samples, piece.sampleRate),
          audioBpm: audioTempo(samples, piece.sampleRate),
          audioPitchClasses: audioPitchClasses(samples, piece.sampleRate),
          generationSeconds,
        };
      }
    } finally {
      await engine.close();
    }
  };
  await Promise.all(Array.from({ length: options.engines }, work));
  return clips;
}

function readCheckpointCodes(checkpoint: Buffer): Uint16Array {
  const codes = new Uint16Array((checkpoint.length - checkpointHeaderBytes) / 2);
  for (let index = 0; index < codes.length; index++) {
    codes[index] = checkpoint.readUInt16LE(checkpointHeaderBytes + 2 * index);
  }
  return codes;
}
