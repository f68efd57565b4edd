import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';

/** One line of a process's JSON log. */
export interface LogLine {
  time: string;
  level: string;
  msg: string;
  error?: { message: string };
  [field: string]: unknown;
}

/** An API or worker as a process of its own, as it would run in a container. */
export interface ServiceProcess {
  pid: number;
  /** Emits `line` for every log line. */
  log: EventEmitter<{ line: [LogLine] }>;
  /**
   * Resolves with the first log line of that message, past or future, of one service where the process is several;
   * rejects when the process ends before.
   */
  untilLogged(message: string, service?: string): Promise<LogLine>;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, then waits for its end. */
  stop(): Promise<void>;
  /** Resolves when it ended by itself or by `stop` and its log file is whole, with a sentence that says how. */
  ended: Promise<{ code: number | null; how: string }>;
}

export interface ServiceProcessOptions {
  name: string;
  /** Path of its `main.js`. */
  entry: string;
  env: Record<string, string>;
  logFile: string;
}

export function startServiceProcess({ name, entry, env, logFile }: ServiceProcessOptions): ServiceProcess {
  const file = createWriteStream(logFile, { flags: 'a' });
  // Its own process group: Ctrl-C reaches only us, and we stop what we started in the right order.
  const child = spawn(process.execPath, [entry], {
    env: { ...process.env, ...env },
    // The IPC channel carries nothing; that it closes tells the process that we are gone.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  });
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error(`The ${name} was started without pipes.`);
  stdout.pipe(file, { end: false });
  stderr.pipe(file, { end: false });
  let lastWords = `see ${logFile}`;
  const complaints: string[] = [];
  createInterface({ input: stderr }).on('line', (line) => {
    if (complaints.push(line) <= 20) lastWords = complaints.join('\n');
  });

  const log: ServiceProcess['log'] = new EventEmitter();
  log.setMaxListeners(0);
  const firstOfMessage = new Map<string, LogLine>();
  createInterface({ input: stdout }).on('line', (text) => {
    const line = parseLine(text);
    if (line === undefined) return;
    for (const name of [line.msg, `${line.service} ${line.msg}`]) {
      if (!firstOfMessage.has(name)) firstOfMessage.set(name, line);
    }
    if (line.level === 'error') {
      lastWords = line.error?.message ?? [line.msg, line.detail].filter(Boolean).join(': ');
    }
    log.emit('line', line);
  });
  const ended = once(child, 'close').then(async ([code, signal]: (number | string | null)[]) => {
    file.end();
    await finished(file);
    return {
      code: typeof code === 'number' ? code : null,
      how: `The ${name} ended (${signal ?? `exit code ${code}`}): ${lastWords}`,
    };
  });

  return {
    // Only what could not be started has none, and then `ended` tells.
    pid: child.pid ?? 0,
    log,
    ended,
    kill: (signal) => void child.kill(signal),
    untilLogged(message, service) {
      return new Promise((resolve, reject) => {
        const past = firstOfMessage.get(service === undefined ? message : `${service} ${message}`);
        if (past !== undefined) return resolve(past);
        log.on('line', (line) => {
          if (line.msg === message && (service ?? line.service) === line.service) resolve(line);
        });
        void ended.then(({ how }) => reject(new Error(how)));
      });
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function parseLine(text: string): LogLine | undefined {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    // Not ours: something that a library printed. It is in the log file.
    return undefined;
  }
}
