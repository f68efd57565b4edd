import type { Client, GenerateRequestInput } from '@musicgen/client';
import type { Context } from '../context.ts';
import { isTaskId } from '../options.ts';
import { readAudioFile } from './read-file.ts';

/** What a piece goes on from: a task, or a file that is sent first. */
export async function continuationOf(
  context: Context,
  client: Client,
  source: string | undefined,
): Promise<GenerateRequestInput['continue_from']> {
  if (source === undefined) return undefined;
  if (isTaskId(source)) return { task_id: source };
  const file = await readAudioFile(context.resolvePath(source));
  const { id } = await client.uploadAudio(new Blob([new Uint8Array(file)]), { signal: context.signal });
  return { upload_id: id };
}
