import { type Part, parts, type Sample, type SoakResult } from './run.ts';

export interface Growth {
  part: Part;
  /** Median of the second quarter of the run, when everything has been used once, and of the last one; bytes. */
  early: number;
  late: number;
}

/** More growth than this is a leak; less is the noise of allocators. */
const allowed = { share: 0.1, bytes: 16 * 2 ** 20 };

export function growthOf(samples: Sample[]): Growth[] {
  const quarter = Math.floor(samples.length / 4);
  const [second, last] = [samples.slice(quarter, 2 * quarter), samples.slice(-quarter)];
  return parts.map((part) => ({
    part,
    early: median(second.map(({ bytes }) => bytes[part])),
    late: median(last.map(({ bytes }) => bytes[part])),
  }));
}

/** What is wrong with a run, in sentences; empty when nothing is. */
export function complaintsOf({ load, samples, restarts }: SoakResult): string[] {
  const ended = Object.values(load.ended).reduce((sum, count) => sum + count, 0);
  const leaks = growthOf(samples).filter(
    ({ early, late }) => late > early * (1 + allowed.share) + allowed.bytes,
  );
  return [
    ...load.complaints,
    ...restarts.badExits,
    ...(ended === load.acknowledged ? [] : [`${load.acknowledged - ended} acknowledged tasks did not end`]),
    ...leaks.map(
      ({ part, early, late }) => `${part} grew from ${inMegabytes(early)} to ${inMegabytes(late)}`,
    ),
  ];
}

export function inMegabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
