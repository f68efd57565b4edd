import type { AudioFormat, Task } from '@musicgen/client';
import { linkTo } from '../route.ts';
import { apiKey, baseUrl } from '../service.ts';

/** The page of a take. */
export const pageOf = (id: string) => `${baseUrl}${linkTo('library', id)}`;

/** The command line that saves a piece. */
export function downloadCommand(id: string, format: AudioFormat): string {
  return [
    `curl -OJ ${quoted(`${baseUrl}api/v1/tasks/${id}/audio?format=${format}&download=1`)}`,
    ...keyArgument(),
  ].join(continued);
}

/** The command line that makes the same piece again. */
export function generateCommand(request: Task['request']): string {
  return [
    `curl -X POST ${quoted(`${baseUrl}api/v1/generate`)}`,
    "-H 'Content-Type: application/json'",
    ...keyArgument(),
    `-d ${quoted(JSON.stringify(request))}`,
  ].join(continued);
}

const continued = ' \\\n  ';

/** By the name of a variable: what is copied may be pasted anywhere. */
function keyArgument(): string[] {
  return apiKey.value === '' ? [] : ['-H "Authorization: Bearer $MUSICGEN_API_KEY"'];
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
