/**
 * One system with its model in a process of its own, so that its memory is its own too.
 *
 *     node system-process.js '{"system": "ours", "folder": "…", …}'   (SystemOptions)
 *
 * It says when it has loaded, measures what it is asked for, and ends with the channel.
 */
import { loadOurs } from './ours.ts';
import type { EngineCommand, SystemOptions, SystemReport } from './system.ts';
import { loadPeer } from './transformers-js.ts';

function say(report: SystemReport): void {
  process.send?.(report);
}

async function main(options: SystemOptions): Promise<void> {
  const startedAt = performance.now();
  const system = await (options.system === 'ours' ? loadOurs(options) : loadPeer(options));
  say({ type: 'loaded', seconds: (performance.now() - startedAt) / 1000 });
  process.on('message', async (command: EngineCommand) => {
    const answer = await system.measure(command);
    say({ type: 'measured', answer, peakBytes: process.resourceUsage().maxRSS * 1024 });
  });
  process.on('disconnect', () => process.exit(0));
}

await main(JSON.parse(process.argv[2] ?? '{}'));
