import { pipeline } from 'node:stream/promises';
import { type Client, failureOf, type Task } from '@musicgen/client';
import { downloadAudio } from '@musicgen/client/node';
import type { AudioFormat } from '@musicgen/contract';
import type { Context } from '../context.ts';
import { followTasks } from './follow-tasks.ts';
import { openFile } from './open-file.ts';
import type { OutputFiles } from './output-files.ts';
import { describeResult } from './task-text.ts';

export interface DeliverOptions {
  wait: boolean;
  json?: boolean;
  open?: boolean;
}

/** Submitted tasks and where their audio is to go. */
export interface Delivery {
  client: Client;
  tasks: readonly Task[];
  output: OutputFiles;
  /** Whether JSON shows one task, or a list of them. */
  kind: 'one' | 'list';
}

interface Delivered {
  task: Task;
  /** Where its audio is now; undefined where it has none. */
  file: string | undefined;
}

/**
 * Waits for submitted tasks, saves their audio as each completes, and prints the paths; without waiting, prints the ids.
 * @throws ApiError with the reason of the first task that did not complete
 */
export async function deliver(
  context: Context,
  delivery: Delivery,
  { wait, json = false, open = false }: DeliverOptions,
): Promise<void> {
  if (!wait) return printSubmitted(context, delivery, json);
  const delivered = await followAndSave(context, delivery);
  const files = delivered.flatMap(({ file }) => (file === undefined || file === '-' ? [] : [file]));
  // Standard output that holds audio holds nothing else.
  const holdsAudio = delivered.some(({ file }) => file === '-');
  if (json && !holdsAudio) printTasks(context, delivered.map(withFile), delivery);
  if (!json) for (const file of files) context.print(file);
  if (open) for (const file of files) await openFile(context, file);
  throwFirstFailure(context, delivered);
}

function printSubmitted(context: Context, delivery: Delivery, json: boolean): void {
  if (json) printTasks(context, delivery.tasks, delivery);
  else for (const { id } of delivery.tasks) context.print(id);
}

function withFile({ task, file = null }: { task: Task; file?: string | null | undefined }) {
  return { ...task, file };
}

/** One JSON document: a list where several could have been asked for. */
function printTasks(context: Context, tasks: readonly Task[], { kind }: Delivery): void {
  context.printJson(kind === 'list' ? tasks : tasks[0]);
}

async function followAndSave(context: Context, { client, tasks, output }: Delivery): Promise<Delivered[]> {
  const files: (string | undefined)[] = [];
  const ended = await followTasks(context, tasks, {
    client,
    async onEnd(task, index) {
      if (task.status === 'completed')
        files[index] = await saveAudio(context, { client, task, output, index });
    },
  });
  ended.forEach((task, index) => {
    if (files[index] !== undefined) context.tell(describeResult(task));
  });
  return ended.map((task, index) => ({ task, file: files[index] }));
}

interface SaveOptions {
  client: Client;
  task: Task;
  output: OutputFiles;
  index?: number;
  /** What there is of it so far, as WAV. */
  preview?: boolean | undefined;
}

/** Downloads the audio of a task, finished unless a preview is asked for. @returns its path, or `-` */
export async function saveAudio(
  { signal }: Context,
  { client, task, output, index = 0, preview }: SaveOptions,
): Promise<string> {
  const format: AudioFormat = output.format ?? task.request.format;
  const path = await output.pathOf({ index, seed: task.request.seed, format });
  if (path !== '-') {
    await downloadAudio(client, task.id, path, { format, preview, signal });
  } else {
    const { body } = await client.getAudio(task.id, { format, preview, signal });
    if (body !== null) await pipeline(body, process.stdout, { end: false, signal });
  }
  return path;
}

function throwFirstFailure(context: Context, delivered: readonly Delivered[]): void {
  const failures = delivered.flatMap(({ task }) => failureOf(task) ?? []);
  const [first] = failures;
  if (first === undefined) return;
  if (delivered.length > 1) context.tell(`${failures.length} of ${delivered.length} tasks did not complete.`);
  throw first;
}
