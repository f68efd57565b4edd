import { resolve } from 'node:path';
import { type Client, createClient, type Retry } from '@musicgen/client';
import { ServiceError } from '@musicgen/contract';
import { type CliConfig, loadCliConfig } from './config.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { formatTable, withoutWrapping } from './format.ts';

/** Which service, as the options say; the environment says the rest. */
export interface ServerOptions {
  url?: string;
  apiKey?: string;
  /** How often a request is sent again. */
  retries?: number;
}

/** What every command works with. */
export interface Context {
  /** @throws ConfigError; a command that needs no setting runs with a broken environment, too. */
  config(): CliConfig;
  /** The service that options and environment name. @throws ConfigError, ServiceError `invalid_request` */
  client(): Client;
  /** Of that service; also for a command that talks to another address. @throws ConfigError */
  apiKey(): string | undefined;
  useServer(options: ServerOptions): void;
  /** Data, for pipes. */
  print(text: string): void;
  printJson(value: unknown): void;
  printTable(rows: readonly (readonly string[])[]): void;
  /** For people: progress, notices, questions. */
  terminal: NodeJS.WriteStream;
  tell(line: string): void;
  /** Aborts at Ctrl-C. */
  signal: AbortSignal;
  /** A path given as an argument, from where the command was called. */
  resolvePath(path: string): string;
  /** What a command that throws nothing ends with. */
  exitCode: ExitCode;
}

export function createContext({ signal, cwd }: { signal: AbortSignal; cwd: string }): Context {
  let server: ServerOptions = {};
  const tell = (line: string) => void process.stderr.write(`${line}\n`);
  return {
    config: loadCliConfig,
    client: () => connect(server, tell),
    apiKey: () => server.apiKey ?? loadCliConfig().MUSICGEN_API_KEY,
    useServer: (options) => {
      server = options;
    },
    print: (text) => void process.stdout.write(`${text}\n`),
    printJson: (value) => void process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`),
    printTable: (rows) => void process.stdout.write(`${tableFor(process.stdout, rows)}\n`),
    terminal: process.stderr,
    tell,
    signal,
    resolvePath: (path) => resolve(cwd, path),
    exitCode: exitCodes.done,
  };
}

/** Rows that are too long are cut by a terminal; a pipe gets them whole. */
function tableFor({ isTTY }: NodeJS.WriteStream, rows: readonly (readonly string[])[]): string {
  const text = formatTable(rows);
  return isTTY ? withoutWrapping(text) : text;
}

function connect({ url, apiKey, retries = 3 }: ServerOptions, tell: (line: string) => void): Client {
  const { MUSICGEN_URL, MUSICGEN_API_KEY } = loadCliConfig();
  try {
    return createClient({
      baseUrl: url ?? MUSICGEN_URL,
      apiKey: apiKey ?? MUSICGEN_API_KEY,
      maxRetries: retries,
      onRetry: (retry) => {
        // Pauses that nobody notices need no line.
        if (retry.delayMs >= 1000) tell(describeRetry(retry));
      },
    });
  } catch (error) {
    const { message } = error as TypeError;
    const named = message.replace(/^baseUrl/, '--url').replace(/^apiKey/, '--api-key');
    throw new ServiceError('invalid_request', `${named}.`, { cause: error });
  }
}

function describeRetry({ reason, delayMs }: Retry): string {
  return `${reason.message} Trying again in ${Math.round(delayMs / 1000)} s.`;
}
