import { setTimeout as delay } from 'node:timers/promises';
import { withoutWrapping } from '../format.ts';

export interface FullScreen {
  /** Replaces what is shown; what does not fit is cut off. */
  show(lines: readonly string[]): void;
  /** Resolves after a while, or as soon as the user leaves or the terminal changes its size. */
  pause(ms: number): Promise<void>;
  /** Aborts when the user leaves. */
  left: AbortSignal;
  /** Gives the terminal back as it was. */
  close(): void;
}

const [enterScreen, leaveScreen] = ['\x1b[?1049h\x1b[?25l', '\x1b[?25h\x1b[?1049l'];
const leavingKeys = new Set(['q', 'Q', '\x03', '\x04', '\x1b']);

/** Takes the whole terminal, and its keys, until it is closed. */
export function openFullScreen(signal: AbortSignal): FullScreen {
  const { stdin, stdout } = process;
  const leave = new AbortController();
  let wake = new AbortController();
  const onKey = (key: Buffer) => {
    if (leavingKeys.has(key.toString())) leave.abort();
  };
  const onResize = () => wake.abort();
  // In raw mode Ctrl-C is a key and not a signal.
  stdin.setRawMode(true).on('data', onKey).resume();
  stdout.on('resize', onResize).write(enterScreen);
  const left = AbortSignal.any([signal, leave.signal]);
  return {
    left,
    show(lines) {
      const visible = lines.slice(0, (stdout.rows || 24) - 1);
      // Line by line and not cleared first: it would flicker.
      const text = visible.map((line) => `${line}\x1b[K`).join('\r\n');
      stdout.write(withoutWrapping(`\x1b[H${text}\x1b[J`));
    },
    async pause(ms) {
      wake = new AbortController();
      await delay(ms, undefined, { signal: AbortSignal.any([left, wake.signal]) }).catch(() => {});
    },
    close() {
      stdin.off('data', onKey).setRawMode(false).pause();
      stdout.off('resize', onResize).write(leaveScreen);
    },
  };
}
