import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { styleText } from 'node:util';
import type { Priority, Task } from '@musicgen/contract';
import { type ApiClient, createApiClient } from './api-client.ts';
import type { LocalService } from './local-service.ts';
import { createProgressBoard, type ProgressBoard } from './progress-board.ts';

const folder = 'demo';

export interface DemoPiece {
  prompt: string;
  duration: number;
  priority: Priority;
}

/** Worst priority first, so that the order in which they come out shows the queue at work. */
const showpieces: DemoPiece[] = [
  { priority: 'LOW', duration: 8, prompt: 'slow ambient pads, dreamy and calm, no drums, 70 bpm' },
  { priority: 'NORMAL', duration: 10, prompt: 'lofi hip hop with a mellow piano and soft drums, 80 bpm' },
  { priority: 'CRITICAL', duration: 12, prompt: 'energetic techno in A minor, four on the floor, 128 bpm' },
];

export interface DemoOptions {
  service: LocalService;
  /** A piece of the user's own instead of the three. */
  own: Pick<DemoPiece, 'prompt' | 'duration'> | undefined;
  say: (line: string) => void;
}

/**
 * The main job, seen from outside: submits prompts over HTTP, follows them, downloads the music into `./demo/`.
 * @throws Error when a task does not complete.
 */
export async function runDemo({ service, own, say }: DemoOptions): Promise<void> {
  const client = createApiClient(service.url);
  const pieces = own ? [{ ...own, priority: 'NORMAL' as const }] : showpieces;
  await mkdir(folder, { recursive: true });

  const submitted: { piece: DemoPiece; task: Task }[] = [];
  for (const piece of pieces) {
    const task = await client.submit(piece);
    submitted.push({ piece, task });
    say(`Task     ${task.id}  ${piece.priority.padEnd(8)} ${piece.duration} s  “${piece.prompt}”`);
  }

  const worker = await service.startWorker();
  const claimed: string[] = [];
  worker.log.on('line', ({ msg, priority }) => {
    if (msg === 'task claimed') claimed.push(String(priority));
  });

  say('');
  const board = createProgressBoard(pieces.map(({ priority }) => priority));
  const finished = await Promise.all(
    submitted.map(({ task, piece }) => follow({ task, piece, client, board })),
  );
  board.close();
  say('');
  if (claimed.length > 1) say(`The worker took them in this order: ${claimed.join(', ')}`);
  for (const task of finished) say(await save(task, client));
}

interface FollowOptions {
  task: Task;
  piece: DemoPiece;
  client: ApiClient;
  board: ProgressBoard;
}

async function follow({ task, piece, client, board }: FollowOptions): Promise<Task> {
  const finished = await client.follow(task.id, (change) => board.update(piece.priority, change));
  if (finished.status === 'completed') return finished;
  throw new Error(
    `The ${piece.priority} task ended as ${finished.status}: ${finished.error?.detail ?? 'no reason given'}`,
  );
}

/** Downloads a finished piece and says where it is and what it is. */
async function save({ id, priority, request, result, timings }: Task, client: ApiClient): Promise<string> {
  const path = join(folder, `${priority.toLowerCase()}-${request.seed}.wav`);
  const bytes = await client.download(id, path);
  const { duration = 0, sample_rate = 0, channels = 1, model } = result ?? {};
  const facts = [
    `${duration.toFixed(2)} s`,
    `${sample_rate / 1000} kHz ${channels === 1 ? 'mono' : 'stereo'}`,
    `${Math.round(bytes / 1024)} kB`,
    `made in ${(timings.processing ?? 0).toFixed(1)} s by ${model}`,
    `seed ${request.seed}`,
  ];
  return `${styleText('green', path)}  ${facts.join(', ')}`;
}
