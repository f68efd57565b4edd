import { useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { audioAddress, onlyOnePlays } from '../media.ts';

/** Sound that is fetched when someone wants to hear it. */
export interface Player {
  audio: HTMLAudioElement;
  isPlaying: boolean;
  isLoading: boolean;
  /** Seconds. */
  time: number;
  error: unknown;
  /** Whether it plays, or will as soon as it has been fetched. */
  isOn(): boolean;
  play(): void;
  pause(): void;
  toggle(): void;
  seek(seconds: number): void;
}

/** The player of a finished piece; `duration` in seconds. */
export function usePlayer(id: string, duration: number): Player {
  const audio = useMemo(() => Object.assign(new Audio(), { preload: 'none' }), [id]);
  const isPlaying = useSignal(false);
  const isLoading = useSignal(false);
  const time = useSignal(0);
  const error = useSignal<unknown>(undefined);
  const isAwaited = useRef(false);

  useEffect(() => {
    const update = () => {
      isPlaying.value = !audio.paused;
      time.value = audio.currentTime;
    };
    const events = ['play', 'pause', 'ended', 'timeupdate', 'seeking'] as const;
    for (const event of events) audio.addEventListener(event, update);
    const release = onlyOnePlays(audio);
    return () => {
      release();
      for (const event of events) audio.removeEventListener(event, update);
      audio.removeAttribute('src');
      audio.load();
    };
  }, [audio]);

  async function ready(): Promise<void> {
    if (audio.hasAttribute('src')) return;
    isLoading.value = true;
    try {
      const address = await audioAddress(id);
      // Who is second finds it there: set anew, it would begin anew.
      if (!audio.hasAttribute('src')) audio.src = address;
    } finally {
      isLoading.value = false;
    }
  }

  async function attempt(work: () => void | Promise<void>): Promise<void> {
    error.value = undefined;
    try {
      await ready();
      await work();
    } catch (thrown) {
      if (thrown instanceof DOMException && thrown.name === 'AbortError') return;
      audio.removeAttribute('src');
      error.value = thrown instanceof DOMException ? new Error('The audio cannot be played.') : thrown;
    }
  }

  const isOn = () => isAwaited.current || !audio.paused;

  async function play(): Promise<void> {
    isAwaited.current = true;
    // Whoever changes their mind while it is fetched hears nothing.
    await attempt(() => (isAwaited.current ? audio.play() : undefined));
    isAwaited.current = false;
  }

  function pause(): void {
    isAwaited.current = false;
    audio.pause();
  }

  return {
    audio,
    isPlaying: isPlaying.value,
    isLoading: isLoading.value,
    time: time.value,
    error: error.value,
    isOn,
    play: () => void play(),
    pause,
    toggle: () => (isOn() ? pause() : void play()),
    seek: (seconds) =>
      void attempt(() => {
        audio.currentTime = Math.min(Math.max(0, seconds), duration);
      }),
  };
}
