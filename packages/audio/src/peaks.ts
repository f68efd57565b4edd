import type { Peaks } from '@musicgen/contract';

/** Enough for any screen; whoever asks for fewer gets these summed up. */
export const finestPoints = 8_192;

/**
 * The lowest and highest sample of each of `points` equal parts, rounded to three digits: `[channels][2 × points]`.
 * A piece with fewer samples than that has as many points as samples.
 */
export function findPeaks(channels: readonly Float32Array[], sampleRate: number): Peaks {
  const length = channels[0]?.length ?? 0;
  const points = Math.min(finestPoints, length);
  return {
    duration: length / sampleRate,
    sample_rate: sampleRate,
    channels: channels.length,
    points,
    peaks: channels.map((channel) =>
      pairs(points, (point) => {
        const [start, end] = partOf(point, { points, length });
        return extremes(channel.subarray(start, end));
      }),
    ),
  };
}

/** The same in fewer points. A point covers all finer ones it touches, so no peak is lost. */
export function withFewerPoints(peaks: Peaks, points: number): Peaks {
  if (points >= peaks.points) return peaks;
  const shrink = (fine: readonly number[]) =>
    pairs(points, (point) => {
      const [start, end] = partOf(point, { points, length: peaks.points });
      return extremes(fine.slice(2 * start, 2 * end));
    });
  return { ...peaks, points, peaks: peaks.peaks.map(shrink) };
}

function partOf(point: number, { points, length }: { points: number; length: number }): [number, number] {
  return [Math.floor((point * length) / points), Math.ceil(((point + 1) * length) / points)];
}

function pairs(points: number, pairOf: (point: number) => [number, number]): number[] {
  return Array.from({ length: points }, (_, point) => pairOf(point)).flat();
}

function extremes(values: ArrayLike<number>): [number, number] {
  let [lowest, highest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
  }
  return [roundToThousandth(lowest), roundToThousandth(highest)];
}

function roundToThousandth(value: number): number {
  return Math.round(value * 1000) / 1000;
}
