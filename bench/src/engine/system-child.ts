import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { EngineAnswer, EngineCommand, SystemOptions, SystemReport } from './system.ts';

/** A system in its process. */
export interface SystemChild {
  readonly loadSeconds: number;
  measure(command: EngineCommand): Promise<EngineAnswer>;
  /** Ends it and says the most memory it has had. */
  end(): Promise<number>;
}

const entry = fileURLToPath(new URL('../../dist/engine/system-process.js', import.meta.url));

/** Starts a process and loads the system's model in it. */
export async function startSystem(options: SystemOptions): Promise<SystemChild> {
  const child = fork(entry, [JSON.stringify(options)], {
    env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' },
    execArgv: [],
  });
  const loaded = await nextReport(child, 'loaded');
  return {
    loadSeconds: loaded.seconds,
    async measure(command) {
      child.send(command);
      return (await nextReport(child, 'measured')).answer;
    },
    async end() {
      child.send('end');
      return (await nextReport(child, 'ended')).peakBytes;
    },
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
