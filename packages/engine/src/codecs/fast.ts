import type { Codes } from '../checkpoint.ts';
import type { ModelConfig } from '../model-folder.ts';
import {
  floats,
  idTensor,
  openSession,
  requireNames,
  type Session,
  type SessionOptions,
  Tensor,
} from '../sessions.ts';
import { type AudioRun, type Codec, checkSamples, codesTensor, type Stretch } from './codec.ts';

/**
 * What is decoded in one run: short, because the steps of other pieces wait for it and its memory grows with it, and long
 * against the frames at its ends that are computed twice.
 */
const stretchSeconds = 2;

/**
 * Loads the codec of the fast layout, whose LSTM goes on where it was left. A piece decoded in stretches is therefore what
 * one run over the whole would make of it.
 * @throws ServiceError `model_load_failed`
 */
export async function openFastCodec(options: SessionOptions, config: ModelConfig): Promise<Codec> {
  const session = await openSession(options);
  requireNames(session, {
    inputs: ['audio_codes', 'span', 'context', 'lstm_state'],
    outputs: ['audio_values', 'next_context', 'next_lstm_state'],
  });
  return {
    open: (codes, frames) => new FastAudioRun(session, config, { codes, frames }),
    release: () => session.release(),
  };
}

class FastAudioRun implements AudioRun {
  readonly #session: Session;
  readonly #config: ModelConfig;
  readonly #codes: Codes;
  readonly #frames: number;
  /** Frames that are decoded. */
  #done = 0;
  /** Frames that the LSTM has heard: those, and as many more as the convolutions behind it hear ahead. */
  #heard = 0;
  #context: Tensor;
  #state: Tensor;

  constructor(session: Session, config: ModelConfig, piece: { codes: Codes; frames: number }) {
    this.#session = session;
    this.#config = config;
    this.#codes = piece.codes;
    this.#frames = piece.frames;
    const { channels } = config.info;
    const [parts = 0, , size = 0] = session.inputShape('lstm_state').map(Number);
    this.#context = new Tensor('float32', new Float32Array(), [channels, size, 0]);
    this.#state = new Tensor('float32', new Float32Array(parts * channels * size), [parts, channels, size]);
  }

  get neededFrames(): number | undefined {
    return this.#done === this.#frames ? undefined : this.#codesUntil(this.#nextEnd());
  }

  async next(): Promise<Stretch> {
    const { codecReach, hopLength, info } = this.#config;
    const [start, end] = [this.#done, this.#nextEnd()];
    const until = this.#heardUntil(end);
    const contextStart = Math.max(0, this.#heard - 2 * codecReach.states);
    const outputs = await this.#run(until);
    const samples = floats(outputs, 'audio_values');
    const length = (until - contextStart) * hopLength;
    checkSamples(samples, length * info.channels, this.#session.file);
    this.#context = outputs.next_context as Tensor;
    this.#state = outputs.next_lstm_state as Tensor;
    this.#heard = until;
    this.#done = end;
    const [from, to] = [start, end].map((frame) => (frame - contextStart) * hopLength) as [number, number];
    return {
      frame: start,
      // Copies, so that what is kept does not keep the context alive.
      samples: Array.from({ length: info.channels }, (_, channel) =>
        samples.slice(channel * length + from, channel * length + to),
      ),
    };
  }

  #run(until: number) {
    const from = Math.max(0, this.#heard - this.#config.codecReach.codes);
    const range = { from, to: this.#codesUntil(this.#nextEnd()) };
    const feeds = {
      audio_codes: codesTensor(this.#codes, range, this.#config),
      span: idTensor([this.#heard - from, until - from], [2]),
      context: this.#context,
      lstm_state: this.#state,
    };
    return this.#session.run(feeds, ['audio_values', 'next_context', 'next_lstm_state']);
  }

  /** Where the next stretch ends. The last one takes in a rest that would leave the LSTM nothing to hear. */
  #nextEnd(): number {
    const end = this.#done + stretchSeconds * this.#config.info.frameRate;
    return end + this.#config.codecReach.states < this.#frames ? end : this.#frames;
  }

  #heardUntil(end: number): number {
    return Math.min(this.#frames, end + this.#config.codecReach.states);
  }

  #codesUntil(end: number): number {
    return Math.min(this.#frames, this.#heardUntil(end) + this.#config.codecReach.codes);
  }
}
