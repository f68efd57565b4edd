import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { ApiError } from '../api-error.ts';
import type { AudioOptions } from '../audio.ts';
import type { Client } from '../client.ts';
import type { CallOptions } from '../transport.ts';

/**
 * Downloads the music of a finished task into a file, which is there only when it is whole.
 * @returns its size in bytes
 */
export async function downloadAudio(
  client: Pick<Client, 'getAudio'>,
  id: string,
  path: string,
  options: AudioOptions & CallOptions = {},
): Promise<number> {
  const { body, headers } = await client.getAudio(id, options);
  if (body === null) throw new ApiError('internal', `The service sent no audio for task ${id}.`);
  const partial = join(dirname(path), `.${randomUUID()}.part`);
  try {
    const source = Readable.fromWeb(body as ReadableStream);
    await pipeline(source, createWriteStream(partial, { flags: 'wx' }), { signal: options.signal });
    const { size } = await stat(partial);
    const announced = headers.get('Content-Length');
    if (announced !== null && Number(announced) !== size)
      throw new ApiError('unreachable', `The audio of task ${id} broke off after ${size} bytes.`);
    await rename(partial, path);
    return size;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
