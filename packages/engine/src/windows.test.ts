import { planWindows } from './windows.ts';

describe('planWindows', () => {
  it('makes a piece that fits in one go', () => {
    expect(planWindows(1500, 1500)).toEqual([{ start: 0, end: 1500, promptFrames: 0 }]);
    expect(planWindows(1, 1500)).toEqual([{ start: 0, end: 1, promptFrames: 0 }]);
  });

  it('goes on as audiocraft does: every 18 s, prompted with 12 s', () => {
    expect(planWindows(3000, 1500)).toEqual([
      { start: 0, end: 1500, promptFrames: 0 },
      { start: 900, end: 2400, promptFrames: 600 },
      { start: 1800, end: 3000, promptFrames: 600 },
    ]);
  });

  it.each([
    [1501, 1500],
    [600, 124],
    [15_000, 1500],
    [3000, 750],
    [10, 2],
    [7, 3],
  ])('makes each of %i frames once with windows of %i', (frames, windowFrames) => {
    const windows = planWindows(frames, windowFrames);
    let known = 0;
    for (const { start, end, promptFrames } of windows) {
      expect(start + promptFrames).toBe(known);
      expect(end).toBeGreaterThan(known);
      expect(end - start).toBeLessThanOrEqual(windowFrames);
      known = end;
    }
    expect(known).toBe(frames);
  });
});
