/**
 * The process that works while the scenario's own process enqueues and measures.
 *
 *     node worker-process.js '{"system": "ours", "url": "redis://…", …}'   (WorkerProcessOptions)
 *
 * It says `ready`, then what happens, and ends when it is told to `stop`.
 */
import { clockMs } from './clock.ts';
import { systemNamed } from './systems/systems.ts';
import type { WorkerMessage, WorkerProcessOptions } from './worker-child.ts';

function say(message: WorkerMessage): void {
  process.send?.(message);
}

async function main(options: WorkerProcessOptions): Promise<void> {
  const system = systemNamed(options.system);
  let finished = 0;
  let firstAt = 0;

  const workers = await Promise.all(
    Array.from({ length: options.workers }, () =>
      system.openWorker({
        ...options,
        onStarted(index) {
          const atMs = clockMs();
          firstAt ||= atMs;
          if (options.report === 'starts') say({ type: 'started', index, atMs });
        },
        onFinished() {
          finished += 1;
          if (finished === options.expected) say({ type: 'finished', seconds: (clockMs() - firstAt) / 1000 });
        },
      }),
    ),
  );
  say({ type: 'ready' });

  process.once('message', async () => {
    await Promise.all(workers.map((worker) => worker.close()));
    process.exit(0);
  });
}

await main(JSON.parse(process.argv[2] ?? '{}'));
