import { writeFile } from 'node:fs/promises';
import type { Problem, Task } from '@musicgen/contract';
import { EventSourceParserStream } from 'eventsource-parser/stream';

/** What the demo asks of the HTTP API. */
export interface ApiClient {
  submit(request: object): Promise<Task>;
  /** Follows a task to its end, telling what each event changed. */
  follow(id: string, onChange: (change: Partial<Task>) => void): Promise<Task>;
  download(id: string, path: string): Promise<number>;
}

export function createApiClient(baseUrl: string): ApiClient {
  const request = async (path: string, init?: RequestInit): Promise<Response> => {
    const response = await fetch(`${baseUrl}/api/v1${path}`, init);
    if (response.ok) return response;
    const { detail, code } = (await response.json()) as Problem;
    throw new Error(`${detail} (${code})`);
  };
  return {
    async submit(body) {
      const headers = { 'Content-Type': 'application/json' };
      const response = await request('/generate', { method: 'POST', headers, body: JSON.stringify(body) });
      return (await response.json()) as Task;
    },
    async follow(id, onChange) {
      for await (const { name, data } of eventsOf(await request(`/tasks/${id}/events`))) {
        onChange(data);
        if (name === 'done') return data as Task;
      }
      throw new Error('The event stream ended before the task did.');
    },
    async download(id, path) {
      const audio = Buffer.from(await (await request(`/tasks/${id}/audio`)).arrayBuffer());
      await writeFile(path, audio);
      return audio.length;
    },
  };
}

async function* eventsOf({ body }: Response): AsyncGenerator<{ name: string; data: Partial<Task> }> {
  if (body === null) return;
  const events = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  for await (const { event = 'message', data } of events)
    yield { name: event, data: JSON.parse(data) as Partial<Task> };
}
