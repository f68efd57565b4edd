import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { isTerminal, priorityNames, type Task, type TaskStatus } from '@musicgen/contract';

export interface LoadOptions {
  apiUrl: string;
  /** How many wait for a piece at any time. */
  clients: number;
  random: () => number;
}

export interface LoadFigures {
  acknowledged: number;
  ended: Partial<Record<TaskStatus, number>>;
  audioSeconds: number;
  downloads: number;
  /** What no client should ever see, in sentences. */
  complaints: string[];
}

/** The audio is gone this long after the submission, so that what Redis and the disk hold must become constant. */
const ttlSeconds = 240;
const pollMs = 700;

/** Clients that ask for a piece, wait for it, sometimes fetch it, and ask for the next until the signal aborts. */
export async function runLoad(options: LoadOptions, signal: AbortSignal): Promise<LoadFigures> {
  const figures: LoadFigures = { acknowledged: 0, ended: {}, audioSeconds: 0, downloads: 0, complaints: [] };
  const client = async () => {
    while (!signal.aborted) await takeOnePiece(options, figures);
  };
  await Promise.all(Array.from({ length: options.clients }, client));
  return figures;
}

async function takeOnePiece({ apiUrl, random }: LoadOptions, figures: LoadFigures): Promise<void> {
  const request = {
    prompt: `${random() < 0.5 ? 'calm lofi piano' : 'driving techno'}, ${70 + Math.floor(random() * 80)} bpm`,
    duration: 1 + Math.floor(random() * 5),
    priority: priorityNames[Math.floor(random() * priorityNames.length)],
    ttl: ttlSeconds,
  };
  const submitted = await ask<Task>(`${apiUrl}/api/v1/generate`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(request),
  });
  figures.acknowledged += 1;
  const task = await untilEnded(`${apiUrl}${submitted.links.self}`);
  figures.ended[task.status] = (figures.ended[task.status] ?? 0) + 1;
  if (task.status !== 'completed')
    figures.complaints.push(`${task.id} ended as ${task.status}: ${task.error?.detail}`);
  figures.audioSeconds += task.result?.duration ?? 0;
  if (task.result && random() < 0.2) await checkAudio(apiUrl, task, figures);
}

async function untilEnded(url: string): Promise<Task> {
  for (;;) {
    const task = await ask<Task>(url);
    if (isTerminal(task.status)) return task;
    await delay(pollMs);
  }
}

async function checkAudio(apiUrl: string, task: Task, figures: LoadFigures): Promise<void> {
  const response = await fetch(`${apiUrl}${task.links.audio}`);
  const sha256 = createHash('sha256')
    .update(Buffer.from(await response.arrayBuffer()))
    .digest('hex');
  figures.downloads += 1;
  if (sha256 !== task.result?.sha256)
    figures.complaints.push(`${task.id}: the audio is not what the task says`);
}

/** Asks until there is an answer, as a client does that was told 503. */
async function ask<Body>(url: string, init?: RequestInit): Promise<Body> {
  for (;;) {
    const response = await fetch(url, init);
    if (response.ok) return (await response.json()) as Body;
    const text = await response.text();
    if (response.status !== 503)
      throw new Error(`${init?.method ?? 'GET'} ${url}: ${response.status} ${text}`);
    await delay(1000);
  }
}
