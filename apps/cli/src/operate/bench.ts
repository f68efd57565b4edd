import type { Client, Task } from '@musicgen/client';
import type { Priority } from '@musicgen/contract';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { jsonOption, priorityOption, toCount, toNumber } from '../options.ts';

interface BenchOptions {
  tasks: number;
  concurrency: number;
  duration: number;
  priority?: Priority;
  keep?: boolean;
  json?: boolean;
}

const examples = `
Examples:
  musicgen bench
  musicgen bench --tasks 200 --concurrency 16 --duration 5 --json

It submits real tasks to the service, waits for them, and removes them with their audio. So many are unfinished at once as
--concurrency says. Figures are of this run: compare only what was measured one after the other on the same machines.`;

/** `musicgen bench` */
export function benchCommand(context: Context): Command {
  return new Command('bench')
    .description(
      'Put a small load on a running service: how fast it takes tasks, and how fast it makes music.',
    )
    .option('--tasks <number>', 'in all', toCount, 20)
    .option('--concurrency <number>', 'unfinished at once', toCount, 4)
    .option('-d, --duration <seconds>', 'of each piece', toNumber, 1)
    .addOption(priorityOption('of all of them'))
    .option('--keep', 'leave the tasks and their audio there')
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action((options: BenchOptions) => bench(context, options));
}

/** Of one task, in milliseconds since the start of its submission. */
interface Sample {
  task: Task;
  submittedMs: number;
  endedMs: number;
}

async function bench(context: Context, options: BenchOptions): Promise<void> {
  const client = context.client();
  const submitted: string[] = [];
  const startedAt = performance.now();
  try {
    const samples = await runLoad(context, { client, options, submitted });
    const figures = figuresOf(samples, (performance.now() - startedAt) / 1000);
    if (options.json) context.printJson({ ...options, ...figures });
    else context.printTable(rowsOf(figures));
  } finally {
    // Also after Ctrl-C, and then nobody's signal ends it but a second one.
    if (!options.keep) await removeAll(context, client, submitted);
  }
}

interface Load {
  client: Client;
  options: BenchOptions;
  /** Ids, as they become known. */
  submitted: string[];
}

async function runLoad(context: Context, load: Load): Promise<Sample[]> {
  const { tasks, concurrency } = load.options;
  const samples: Sample[] = [];
  let begun = 0;
  const lane = async () => {
    while (begun++ < tasks) {
      samples.push(await takeOne(context, load));
      context.tell(`${samples.length} of ${tasks}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(tasks, concurrency) }, lane));
  return samples;
}

async function takeOne({ signal }: Context, { client, options, submitted }: Load): Promise<Sample> {
  const { duration, priority } = options;
  const startedAt = performance.now();
  const { id } = await client.generate(
    { prompt: 'calm lofi with soft piano', duration, priority },
    { signal },
  );
  const submittedMs = performance.now() - startedAt;
  submitted.push(id);
  const task = await client.waitForTask(id, { signal });
  return { task, submittedMs, endedMs: performance.now() - startedAt };
}

async function removeAll(context: Context, client: Client, ids: readonly string[]): Promise<void> {
  const removed = await Promise.allSettled(ids.map((id) => client.deleteTask(id)));
  const left = removed.filter(({ status }) => status === 'rejected').length;
  if (left > 0)
    context.tell(`${left} of ${ids.length} tasks could not be removed; they go when their time is over.`);
}

/** Percentiles in milliseconds, the smallest value that so large a share does not exceed. */
function spreadOf(values: readonly number[]) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round((sorted[Math.ceil(share * sorted.length) - 1] ?? 0) * 10) / 10;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

function figuresOf(samples: readonly Sample[], seconds: number) {
  const completed = samples.filter(({ task }) => task.status === 'completed');
  const audioSeconds = completed.reduce((sum, { task }) => sum + (task.result?.duration ?? 0), 0);
  return {
    seconds: Math.round(seconds * 100) / 100,
    completed: completed.length,
    not_completed: samples.length - completed.length,
    tasks_per_minute: Math.round((completed.length / seconds) * 600) / 10,
    audio_seconds_per_second: Math.round((audioSeconds / seconds) * 100) / 100,
    submit_ms: spreadOf(samples.map(({ submittedMs }) => submittedMs)),
    turnaround_ms: spreadOf(completed.map(({ endedMs }) => endedMs)),
  };
}

function rowsOf(figures: ReturnType<typeof figuresOf>): string[][] {
  const spread = ({ p50, p95, p99, max }: ReturnType<typeof spreadOf>) =>
    `p50 ${p50} ms   p95 ${p95} ms   p99 ${p99} ms   max ${max} ms`;
  return [
    ['completed', `${figures.completed} in ${figures.seconds} s, ${figures.not_completed} not`],
    ['throughput', `${figures.tasks_per_minute} tasks a minute`],
    ['music', `${figures.audio_seconds_per_second} s of audio a second`],
    ['submitting', spread(figures.submit_ms)],
    ['whole way', spread(figures.turnaround_ms)],
  ];
}
