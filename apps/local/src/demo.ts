import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { styleText } from 'node:util';
import { createTaskBoard, type TaskBoard } from '@musicgen/cli/task-board';
import { type Client, createClient, failureOf, type Priority, type Task } from '@musicgen/client';
import { downloadAudio } from '@musicgen/client/node';
import { priorities } from '@musicgen/contract';
import { estimateWaiting } from './estimate.ts';
import type { LocalService } from './local-service.ts';

const folder = 'demo';

interface DemoPiece {
  prompt: string;
  duration: number;
  priority: Priority;
}

/** Worst priority first, so that the order in which they come out shows the queue at work. */
const showpieces: DemoPiece[] = [
  { priority: 'LOW', duration: 8, prompt: 'floating ambient pads for meditation, no drums' },
  { priority: 'NORMAL', duration: 10, prompt: 'calm lofi with soft piano and dusty drums, 80 bpm, A minor' },
  { priority: 'CRITICAL', duration: 12, prompt: 'driving techno at 138 bpm with an acid bassline' },
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
  const client = createClient({ baseUrl: service.url });
  const pieces = own ? [{ ...own, priority: 'NORMAL' as const }] : showpieces;
  await mkdir(folder, { recursive: true });

  const submitted: Task[] = [];
  for (const piece of pieces) {
    const task = await client.generate(piece);
    submitted.push(task);
    say(`Task     ${task.id}  ${piece.priority.padEnd(8)} ${piece.duration} s  “${piece.prompt}”`);
  }

  await service.startWorker();
  say('');
  const board = createTaskBoard(pieces.map(({ priority }) => priority));
  const finished = await followAll({ tasks: submitted, client, board });
  board.close();
  say('');
  if (finished.length > 1) say(`The worker took them in this order: ${inOrderOfStart(finished).join(', ')}`);
  for (const task of finished) say(await save(task, client));
}

interface FollowOptions {
  tasks: Task[];
  client: Client;
  board: TaskBoard;
}

/** Follows every task to its end and keeps the board up to date, waiting tasks' estimates included. */
async function followAll({ tasks, client, board }: FollowOptions): Promise<Task[]> {
  const known = new Map(tasks.map((task) => [task.id, task]));
  const onChange = (id: string, change: Partial<Task>) => {
    const task = { ...known.get(id), ...change } as Task;
    known.set(id, task);
    board.update(task.priority, change);
    for (const [waitingId, finishAt] of estimateWaiting([...known.values()])) {
      const eta = { start_at: null, finish_at: new Date(finishAt).toISOString() };
      board.update(known.get(waitingId)?.priority ?? '', { eta });
    }
  };
  const finished = await Promise.all(
    tasks.map(({ id }) => client.waitForTask(id, { onUpdate: ({ change }) => onChange(id, change) })),
  );
  for (const task of finished) {
    const failure = failureOf(task);
    if (failure !== undefined) throw failure;
  }
  return finished;
}

function inOrderOfStart(tasks: Task[]): Priority[] {
  const startOf = ({ started_at }: Task) => Date.parse(started_at ?? '');
  // Of two that were taken within a millisecond the better was the first.
  const inOrder = (a: Task, b: Task) =>
    startOf(a) - startOf(b) || priorities[b.priority] - priorities[a.priority];
  return tasks.toSorted(inOrder).map(({ priority }) => priority);
}

/** Downloads a finished piece and says where it is and what it is. */
async function save({ id, priority, request, result, timings }: Task, client: Client): Promise<string> {
  const path = join(folder, `${priority.toLowerCase()}-${request.seed}.wav`);
  const bytes = await downloadAudio(client, id, path);
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
