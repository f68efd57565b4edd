import { readFile } from 'node:fs/promises';
import { ServiceError } from '@musicgen/contract';

/** A file that was named as an argument. @throws ServiceError `not_found`, `unreadable_audio` */
export async function readAudioFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new ServiceError('not_found', `There is no file ${path}.`, { cause: error });
    throw new ServiceError('unreadable_audio', `${path} cannot be read: ${message}`, { cause: error });
  }
}
