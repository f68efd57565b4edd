/** Where the slider stops: every second at first, then in steps that grow with the length. */
const stops = [
  ...range(1, 30, 1),
  ...range(35, 60, 5),
  ...range(70, 120, 10),
  ...range(150, 300, 30),
  ...range(360, 3600, 60),
];

function range(first: number, last: number, step: number): number[] {
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, index) => first + index * step);
}

/** The stops up to the longest piece that is allowed, which is one itself. */
export function lengthsUpTo(longest: number): number[] {
  return [...stops.filter((seconds) => seconds < longest), longest];
}

/** The stop nearest to a length. */
export function stopOf(seconds: number, lengths: readonly number[]): number {
  let nearest = 0;
  for (const [index, length] of lengths.entries()) {
    if (Math.abs(length - seconds) < Math.abs((lengths[nearest] ?? 0) - seconds)) nearest = index;
  }
  return nearest;
}
