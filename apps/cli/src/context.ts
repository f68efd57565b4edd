import { resolve } from 'node:path';
import { type CliConfig, loadCliConfig } from './config.ts';

/** What every command works with. */
export interface Context {
  /** @throws ConfigError; a command that needs no setting runs with a broken environment, too. */
  config(): CliConfig;
  /** Data, for pipes. */
  print(text: string): void;
  /** For people: progress, notices, questions. */
  terminal: NodeJS.WriteStream;
  tell(line: string): void;
  /** Aborts at Ctrl-C. */
  signal: AbortSignal;
  /** A path given as an argument, from where the command was called. */
  resolvePath(path: string): string;
}

export function createContext({ signal, cwd }: { signal: AbortSignal; cwd: string }): Context {
  return {
    config: loadCliConfig,
    print: (text) => void process.stdout.write(`${text}\n`),
    terminal: process.stderr,
    tell: (line) => void process.stderr.write(`${line}\n`),
    signal,
    resolvePath: (path) => resolve(cwd, path),
  };
}
