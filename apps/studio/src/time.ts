import { signal } from '@preact/signals';
import { clockAhead, restMs } from './service.ts';

/** The time at the service in milliseconds, every second. */
export const now = signal(Date.now());

setInterval(() => {
  if (!document.hidden) now.value = Date.now() + clockAhead.value;
}, 1_000);

/** Runs at once and then again and again, not while the page is hidden; the returned function ends it. */
export function whileVisible(work: () => Promise<void>, intervalMs: () => number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isEnded = false;
  let isRunning = false;

  async function run(): Promise<void> {
    if (isRunning || isEnded) return;
    clearTimeout(timer);
    isRunning = true;
    await work();
    isRunning = false;
    if (!isEnded && !document.hidden) timer = setTimeout(run, Math.max(intervalMs(), restMs()));
  }
  function onVisible(): void {
    if (!document.hidden) void run();
  }

  document.addEventListener('visibilitychange', onVisible);
  addEventListener('online', onVisible);
  onVisible();
  return () => {
    isEnded = true;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', onVisible);
    removeEventListener('online', onVisible);
  };
}
