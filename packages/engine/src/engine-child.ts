import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ServiceError } from '@musicgen/contract';
import type { EngineCommand, EngineReport, ProcessOptions, ReportedError } from './engine-process.ts';

/** How a process ended: by itself with a code, or by a signal. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

type ReadyReport = Extract<EngineReport, { type: 'ready' }>;
export type WorkReport = Exclude<EngineReport, { type: 'ready' | 'load-failed' }>;

export interface ChildOptions {
  process: ProcessOptions;
  onReport(report: WorkReport): void;
  /** Called once, after the last report, even when the process could not be started. */
  onExit(exit: Exit): void;
  /** A line that ONNX Runtime or Node wrote to stderr. */
  onWarning(line: string): void;
}

/** One life of the engine's child process, seen from its parent. */
export interface EngineChild {
  readonly pid: number | undefined;
  /** Resolves when the child has loaded the model; rejects with `model_load_failed` or `engine_crashed`. */
  readonly loaded: Promise<ReadyReport>;
  send(command: EngineCommand): void;
  kill(): void;
  /** Lets the child end, or kills it when it does not within the time; resolves once it is gone. */
  close(withinMs: number): Promise<void>;
}

/** The compiled entry, for callers that run from `src/` as well. */
const entry = fileURLToPath(new URL('../dist/engine-process.js', import.meta.url));

/** Starts the process. Its signals are its parent's to heed, and it ends with its parent. */
export function startChild({ process, ...handlers }: ChildOptions): EngineChild {
  const child = fork(entry, [JSON.stringify(process)], {
    serialization: 'advanced',
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  if (child.stderr) createInterface(child.stderr).on('line', handlers.onWarning);
  const loaded = new Promise<ReadyReport>((resolve, reject) => {
    child.on('message', (report: EngineReport) => {
      if (report.type === 'ready') resolve(report);
      else if (report.type === 'load-failed') reject(revive(report.error));
      else handlers.onReport(report);
    });
    child.on('error', (error) => reject(crashed(`could not be started: ${error.message}`)));
    child.on('exit', (code, signal) => {
      reject(crashed(`ended while it loaded the model (${describeExit({ code, signal })})`));
      handlers.onExit({ code, signal });
    });
  });
  // Who waits for it hears of a failure; nobody may be waiting.
  loaded.catch(() => {});
  return {
    pid: child.pid,
    loaded,
    // A command that cannot be delivered fails through the child's exit.
    send: (command) => void child.send(command, () => {}),
    kill: () => void child.kill('SIGKILL'),
    close: (withinMs) => close(child, withinMs),
  };
}

/** An error of the child as the parent throws it. */
export function revive({ code, message }: ReportedError): ServiceError {
  return new ServiceError(code, message);
}

export function crashed(what: string): ServiceError {
  return new ServiceError('engine_crashed', `The engine ${what}`);
}

export function describeExit({ code, signal }: Exit): string {
  return signal ?? `exit code ${code}`;
}

async function close(child: ChildProcess, withinMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  if (child.connected) child.disconnect();
  const kill = setTimeout(() => child.kill('SIGKILL'), withinMs);
  await exited;
  clearTimeout(kill);
}
