import { ServiceError } from '@musicgen/contract';
import type { Codes } from './checkpoint.ts';
import type { ModelConfig } from './model-folder.ts';
import { resample, resampledLength } from './resample.ts';
import { openSession, requireNames, type Session, type SessionOptions, Tensor } from './sessions.ts';

/** A recording, at any rate and with any number of channels. */
export interface Recording {
  /** One array per channel. */
  samples: Float32Array[];
  sampleRate: number;
}

/** Turns recordings into codes: the encoder half of the audio codec. */
export interface AudioEncoder {
  /**
   * How many frames a recording makes.
   * @throws ServiceError `invalid_request` when it is empty
   */
  framesOf(recording: Recording): number;
  /**
   * Writes the codes of a recording, [frames, codebooks], bounded stretch by bounded stretch: after each it stops until
   * it is asked for the next.
   * @throws ServiceError `generation_failed`
   */
  encode(recording: Recording, codes: Codes): AsyncGenerator<void>;
  release(): Promise<void>;
}

/** What is encoded in one run, and what of the neighbouring sound it hears besides, in seconds. */
const stretchSeconds = 5;
const contextSeconds = { left: 1, right: 0.2 };

/** Prepares an encoder, which is loaded when it is first needed: few pieces go on from a recording. */
export function prepareAudioEncoder(options: SessionOptions, config: ModelConfig): AudioEncoder {
  let loading: Promise<Session> | undefined;
  return {
    framesOf: (recording) => framesOf(recording, config),
    async *encode(recording, codes) {
      loading ??= load(options);
      const session = await loading;
      const channels = withChannels(recording.samples, config.info.channels);
      const { frameRate } = config.info;
      const frames = framesOf(recording, config);
      for (let start = 0; start < frames; start += stretchSeconds * frameRate) {
        const stretch = { start, end: Math.min(frames, start + stretchSeconds * frameRate) };
        for (const [channel, samples] of channels.entries()) {
          const audio = { samples, sampleRate: recording.sampleRate, channel };
          await encodeStretch({ session, config, audio, stretch, codes });
        }
        yield;
      }
    },
    async release() {
      await (await loading)?.release();
    },
  };
}

async function load(options: SessionOptions): Promise<Session> {
  const session = await openSession(options);
  requireNames(session, { inputs: ['input_values'], outputs: ['audio_codes'] });
  return session;
}

function framesOf({ samples, sampleRate }: Recording, { info, hopLength }: ModelConfig): number {
  const length = resampledLength(samples[0]?.length ?? 0, { from: sampleRate, to: info.sampleRate });
  if (length === 0) throw new ServiceError('invalid_request', 'The audio to go on from is empty');
  return Math.ceil(length / hopLength);
}

/** One channel is given to both sides of a stereo model; for a mono model all are mixed. */
function withChannels(samples: Float32Array[], wanted: number): Float32Array[] {
  if (samples.length === wanted) return samples;
  if (wanted === 1) return [mixed(samples)];
  const [left = new Float32Array(), right = left] = samples;
  return [left, right];
}

function mixed(samples: Float32Array[]): Float32Array {
  return Float32Array.from(samples[0] ?? [], (_, at) => {
    return samples.reduce((sum, channel) => sum + (channel[at] ?? 0), 0) / samples.length;
  });
}

interface StretchJob {
  session: Session;
  config: ModelConfig;
  audio: { samples: Float32Array; sampleRate: number; channel: number };
  /** Frames. */
  stretch: { start: number; end: number };
  codes: Codes;
}

async function encodeStretch({ session, config, audio, stretch, codes }: StretchJob): Promise<void> {
  const { hopLength, info } = config;
  const rates = { from: audio.sampleRate, to: info.sampleRate };
  const length = resampledLength(audio.samples.length, rates);
  const from = Math.max(0, stretch.start - Math.round(contextSeconds.left * info.frameRate));
  const to = stretch.end + Math.round(contextSeconds.right * info.frameRate);
  const range = { start: from * hopLength, end: Math.min(length, to * hopLength) };
  const samples = resample(audio.samples, rates, range);
  const feeds = { input_values: new Tensor('float32', samples, [1, 1, samples.length]) };
  const { audio_codes } = await session.run(feeds, ['audio_codes']);
  // [1, 1, codebooks of the channel, frames]
  const found = audio_codes?.data as BigInt64Array;
  const perChannel = info.codebooks / info.channels;
  const frames = Math.ceil(samples.length / hopLength);
  if (found.length !== perChannel * frames) {
    const problem = `${session.file} made ${found.length} codes where config.json promises ${perChannel * frames}`;
    throw new ServiceError('generation_failed', problem);
  }
  for (let frame = stretch.start; frame < stretch.end; frame++) {
    for (let codebook = 0; codebook < perChannel; codebook++) {
      const place = frame * info.codebooks + codebook * info.channels + audio.channel;
      codes[place] = Number(found[codebook * frames + frame - from]);
    }
  }
}
