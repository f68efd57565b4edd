import { ApiError, type Task } from '@musicgen/client';
import { signal } from '@preact/signals';
import { takeTheFloor } from '../media.ts';
import { service } from '../service.ts';
import { isUnfinished, taskOf } from '../tasks.ts';

/** A piece that is heard while it is being made. */
export interface LiveSound {
  id: string;
  prompt: string;
  /** Seconds heard. */
  time: number;
  /** Whether the ear has caught up with the model. */
  isWaiting: boolean;
  error: unknown;
}

export const liveSound = signal<LiveSound | undefined>(undefined);

const lookMs = 500;
/** More is asked for when less than this is left to be heard. */
const leastAheadSeconds = 4;
/** So that the first sample is not late. */
const leadSeconds = 0.15;

let end = () => {};

/** Plays a running task's sound from its beginning, and what is made of it meanwhile behind that, to the end. */
export function listen({ id, request }: Task): void {
  end();
  const context = new AudioContext();
  const call = new AbortController();
  const leaveTheFloor = takeTheFloor({ pause: stopListening });
  liveSound.value = { id, prompt: request.prompt, time: 0, isWaiting: true, error: undefined };
  const tape = createTape(context);
  const timer = setInterval(() => void look(), lookMs);
  let isLooking = false;
  end = () => {
    clearInterval(timer);
    call.abort();
    leaveTheFloor();
    void context.close();
    liveSound.value = undefined;
    end = () => {};
  };
  void look();

  async function look(): Promise<void> {
    if (isLooking) return;
    isLooking = true;
    try {
      await lookOnce();
      show(undefined);
    } catch (error) {
      show(error);
    }
    isLooking = false;
  }

  async function lookOnce(): Promise<void> {
    const task = taskOf(id);
    const isWhole = task !== undefined && !isUnfinished(task);
    const hasMore = tape.ahead() < leastAheadSeconds && (await more());
    if (isWhole && !hasMore && tape.ahead() <= 0) end();
  }

  /** Whether there was any. */
  async function more(): Promise<boolean> {
    try {
      const wav = await service.value.getAudio(id, { preview: true, signal: call.signal });
      return tape.append(await context.decodeAudioData(await wav.arrayBuffer()));
    } catch (error) {
      // Nothing is there yet.
      if (error instanceof ApiError && error.code === 'task_not_finished') return false;
      throw error;
    }
  }

  function show(error: unknown): void {
    if (liveSound.value === undefined || call.signal.aborted) return;
    liveSound.value = { ...liveSound.value, error, time: tape.heard(), isWaiting: tape.ahead() <= 0 };
  }
}

export function stopListening(): void {
  end();
}

/** Sound that is put behind sound without a gap, as long as it comes in time. */
function createTape(context: AudioContext) {
  /** Seconds of the piece that are on the tape. */
  let length = 0;
  /** The context's time at which the piece's second 0 was, or would have been without the waits. */
  let origin = context.currentTime;

  const ahead = () => origin + length - context.currentTime;
  return {
    ahead,
    heard: () => Math.max(0, Math.min(length, context.currentTime - origin)),
    /** Takes the whole so far and plays what of it is new; tells whether anything was. */
    append(whole: AudioBuffer): boolean {
      const from = Math.round(length * whole.sampleRate);
      const samples = whole.length - from;
      if (samples <= 0) return false;
      const part = context.createBuffer(whole.numberOfChannels, samples, whole.sampleRate);
      for (let channel = 0; channel < whole.numberOfChannels; channel += 1) {
        part.copyToChannel(whole.getChannelData(channel).subarray(from), channel);
      }
      if (ahead() < leadSeconds) origin = context.currentTime + leadSeconds - length;
      const source = new AudioBufferSourceNode(context, { buffer: part });
      source.connect(context.destination);
      source.start(origin + length);
      length = whole.duration;
      return true;
    },
  };
}
