import { stat } from 'node:fs/promises';
import { dirname, extname, join, parse } from 'node:path';
import { type AudioFormat, audioFormatNames, ServiceError } from '@musicgen/contract';
import type { Context } from '../context.ts';

/** Where the audio of some tasks goes, and in which format. */
export interface OutputFiles {
  /** Undefined: that of the request. */
  format: AudioFormat | undefined;
  /** `-`, or the path for the task at `index` (from 0). */
  pathOf(task: { index: number; seed: number; format: AudioFormat }): Promise<string>;
}

export interface OutputOptions {
  /** A file, an existing folder, or `-` for standard output; a file in the working directory when absent. */
  output?: string;
  format?: AudioFormat;
}

/**
 * Decides where audio goes before any is made, so that a wrong path costs nothing.
 * @throws ServiceError `invalid_request`
 */
export async function planOutput(
  context: Context,
  { output, format }: OutputOptions,
  count: number,
): Promise<OutputFiles> {
  if (output === '-') return toStandardOutput(format, count);
  const path = output === undefined ? undefined : context.resolvePath(output);
  if (path === undefined || (await isFolder(path)))
    return intoFolder(path ?? context.resolvePath('.'), format);
  if (!(await isFolder(dirname(path)))) throw refusal(`There is no folder ${dirname(path)} to write into.`);
  return {
    format: formatOf(path, format),
    pathOf: async ({ index }) => (count === 1 ? path : numbered(path, index + 1)),
  };
}

function toStandardOutput(format: AudioFormat | undefined, count: number): OutputFiles {
  if (count > 1) throw refusal('Standard output takes the audio of one task; name a file or a folder.');
  if (process.stdout.isTTY) throw refusal('Audio is nothing for a terminal: send it into a pipe or a file.');
  return { format, pathOf: async () => '-' };
}

/** `musicgen-7.wav`, and where that is taken already `musicgen-7-2.wav`. */
function intoFolder(folder: string, format: AudioFormat | undefined): OutputFiles {
  /** Promised to tasks whose files are not there yet. */
  const taken = new Set<string>();
  return {
    format,
    async pathOf(task) {
      const path = join(folder, `musicgen-${task.seed}.${task.format}`);
      for (let number = 2, free = path; ; number += 1) {
        if (!taken.has(free)) {
          taken.add(free);
          if (!(await exists(free))) return free;
        }
        free = numbered(path, number);
      }
    },
  };
}

function numbered(path: string, number: number): string {
  const { dir, name, ext } = parse(path);
  return join(dir, `${name}-${number}${ext}`);
}

/** The format that the name of a file asks for. */
function formatOf(path: string, wanted: AudioFormat | undefined): AudioFormat {
  const ending = extname(path).slice(1).toLowerCase();
  const named = audioFormatNames.find((name) => name === ending);
  if (wanted !== undefined && named !== undefined && wanted !== named)
    throw refusal(`The file is to end in .${named} and to be ${wanted}: which of the two?`);
  const format = wanted ?? named;
  if (format !== undefined) return format;
  throw refusal(`${path} says no format: end it in .${audioFormatNames.join(', .')}, or add --format.`);
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function refusal(sentence: string): ServiceError {
  return new ServiceError('invalid_request', sentence);
}
