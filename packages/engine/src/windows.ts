/** A stretch of a piece that the decoder makes in one go; all figures are frames of the whole piece. */
export interface Window {
  start: number;
  end: number;
  /** Frames at the start that the window before has made; the decoder is prompted with them. */
  promptFrames: number;
}

/**
 * Share of a window that a long piece advances by; the rest of the window before prompts the next. audiocraft's
 * `extend_stride` (18 s of 30 s).
 */
const stride = 0.6;

/**
 * Cuts a piece into windows the model can make: one, if it fits; else each goes on from the last 40 % of the one
 * before, and the last is as short as the piece needs.
 */
export function planWindows(frames: number, windowFrames: number): Window[] {
  const strideFrames = Math.max(1, Math.round(windowFrames * stride));
  const windows: Window[] = [];
  let start = 0;
  let promptFrames = 0;
  while (start + promptFrames < frames) {
    const end = Math.min(frames, start + windowFrames);
    windows.push({ start, end, promptFrames });
    start += strideFrames;
    promptFrames = end - start;
  }
  return windows;
}
