import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { EngineAnswer, EngineCommand, SystemOptions, SystemReport } from './system.ts';

/** A system in its process. */
export interface SystemChild {
  readonly loadSeconds: number;
  /** The most memory it has had up to the last measurement. */
  readonly peakBytes: number;
  measure(command: EngineCommand): Promise<EngineAnswer>;
  end(): void;
}

const entry = fileURLToPath(new URL('../../dist/engine/system-process.js', import.meta.url));

/** Starts a process and loads the system's model in it. */
export async function startSystem(options: SystemOptions): Promise<SystemChild> {
  const child = fork(entry, [JSON.stringify(options)], {
    env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' },
    execArgv: [],
  });
  const loaded = await nextReport(child, 'loaded');
  let peakBytes = 0;
  return {
    loadSeconds: loaded.seconds,
    get peakBytes() {
      return peakBytes;
    },
    async measure(command) {
      child.send(command);
      const measured = await nextReport(child, 'measured');
      peakBytes = measured.peakBytes;
      return measured.answer;
    },
    end: () => child.disconnect(),
  };
}

function nextReport<Type extends SystemReport['type']>(
  child: ChildProcess,
  type: Type,
): Promise<Extract<SystemReport, { type: Type }>> {
  return new Promise((resolve, reject) => {
    const failed = (code: number | null) =>
      reject(new Error(`A system of the bench ended with exit code ${code}`));
    child.once('exit', failed);
    child.once('message', (report: SystemReport) => {
      child.off('exit', failed);
      if (report.type === type) resolve(report as Extract<SystemReport, { type: Type }>);
      else reject(new Error(`A system of the bench said ${report.type}, not ${type}`));
    });
  });
}
