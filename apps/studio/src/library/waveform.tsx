import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import WaveSurfer from 'wavesurfer.js';
import { theme } from '../theme.ts';
import { clock, span } from '../words.ts';
import { peaksOf } from './peaks.ts';
import type { Player } from './use-player.ts';

interface WaveformProps {
  id: string;
  /** Seconds. */
  duration: number;
  /** Whose waveform it is. */
  name: string;
  player: Player;
  height: number;
}

const nonce = document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]')?.content ?? '';

/** A piece from its peaks, before a second of it is loaded; a slider for mouse, touch and keyboard. */
export function Waveform({ id, duration, name, player, height }: WaveformProps) {
  const box = useRef<HTMLDivElement>(null);
  const drawing = useRef<WaveSurfer | undefined>(undefined);
  const isSeen = useSeen(box);
  const isAway = useSignal(false);
  const { audio } = player;

  useEffect(() => {
    if (!isSeen) return;
    let isOver = false;
    peaksOf(id).then(
      ({ peaks }) => {
        if (isOver || box.current === null) return;
        const options = { container: box.current, media: audio, peaks, duration, height, cspNonce: nonce };
        drawing.current = WaveSurfer.create({
          ...options,
          ...looks,
          ...colours(box.current),
          interact: false,
        });
      },
      () => {
        isAway.value = !isOver;
      },
    );
    return () => {
      isOver = true;
      drawing.current?.destroy();
      drawing.current = undefined;
    };
  }, [id, audio, isSeen, height]);

  const { value: themeNow } = theme;
  useEffect(() => {
    if (box.current) drawing.current?.setOptions(colours(box.current));
  }, [themeNow]);

  return (
    <div
      ref={box}
      class={`waveform ${isAway.value ? 'is-away' : ''}`}
      style={{ height: `${height}px` }}
      role="slider"
      tabIndex={0}
      aria-label={`Position in “${name}”`}
      aria-valuemin={0}
      aria-valuemax={Math.round(duration)}
      aria-valuenow={Math.round(player.time)}
      aria-valuetext={`${clock(player.time)} of ${span(duration)}`}
      onClick={(event) => player.seek(placeOf(event) * duration)}
      onKeyDown={(event) => moveByKey(event, player, duration)}
    />
  );
}

const looks = { barWidth: 2, barGap: 1.5, barRadius: 2, barMinHeight: 1.5, cursorWidth: 0, normalize: true };

/** A canvas takes no custom properties, only what they stand for. */
function colours(element: Element) {
  const styles = getComputedStyle(element);
  return {
    waveColor: styles.getPropertyValue('--wave').trim(),
    progressColor: styles.getPropertyValue('--accent').trim(),
  };
}

function placeOf(event: MouseEvent): number {
  const { left, width } = (event.currentTarget as Element).getBoundingClientRect();
  return width === 0 ? 0 : (event.clientX - left) / width;
}

function moveByKey(event: KeyboardEvent, player: Player, duration: number): void {
  const step = Math.max(1, Math.round(duration / 20));
  // Not `player.time`, which is as old as the last rendering: keys come faster.
  const { currentTime } = player.audio;
  const places: Record<string, number> = {
    ArrowLeft: currentTime - step,
    ArrowDown: currentTime - step,
    ArrowRight: currentTime + step,
    ArrowUp: currentTime + step,
    PageUp: currentTime + 4 * step,
    PageDown: currentTime - 4 * step,
    Home: 0,
    End: duration,
  };
  const place = places[event.key];
  if (place !== undefined) player.seek(place);
  else if (event.key === ' ' || event.key === 'Enter') player.toggle();
  else return;
  event.preventDefault();
}

/** Whether an element has come near the screen yet. */
function useSeen(element: { current: Element | null }): boolean {
  const isSeen = useSignal(false);
  useEffect(() => {
    if (element.current === null) return;
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (!entry?.isIntersecting) return;
        isSeen.value = true;
        observer.disconnect();
      },
      { rootMargin: '200px' },
    );
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return isSeen.value;
}
