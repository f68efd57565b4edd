import type { Peaks } from '@musicgen/client';
import { service } from '../service.ts';

/** Enough for the widest waveform on the page. */
const points = 800;
const mostKept = 200;
const kept = new Map<string, Promise<Peaks>>();

/** The waveform of a finished piece, which never changes. */
export function peaksOf(id: string): Promise<Peaks> {
  const known = kept.get(id);
  if (known !== undefined) return known;
  const peaks = service.value.getPeaks(id, { points });
  kept.set(id, peaks);
  peaks.catch(() => kept.delete(id));
  const [oldest] = kept.keys();
  if (kept.size > mostKept && oldest !== undefined) kept.delete(oldest);
  return peaks;
}
