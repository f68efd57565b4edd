import type { HistoryWriter } from './history.ts';

const tickMs = 50;
/** Less than this is how a busy machine is. */
const leastStallMs = 200;

/**
 * Puts into the history when this process got no turn for a while, as on a machine with too much else to do: nobody is to
 * blame for what they did not do then. The returned function ends that.
 */
export function recordStalls(process: string, history: HistoryWriter): () => void {
  let lastAt = Date.now();
  const timer = setInterval(() => {
    const stalledMs = Date.now() - lastAt - tickMs;
    if (stalledMs >= leastStallMs)
      history.write({ type: 'process:stalled', process, lastsMs: stalledMs }, lastAt);
    lastAt = Date.now();
  }, tickMs);
  return () => clearInterval(timer);
}
