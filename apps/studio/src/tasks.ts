import { ApiError, type SubmissionInput, type SubmittedTask, type Task } from '@musicgen/client';
import { computed, effect, signal } from '@preact/signals';
import { announce } from './announce.ts';
import { forget, markGone, remember } from './history.ts';
import { apiKey, connection, service } from './service.ts';
import { whileVisible } from './time.ts';
import { shortened } from './words.ts';

const known = signal<ReadonlyMap<string, Task>>(new Map());
/** What is to be seen no more: a list that was asked for before may still name it. */
const dropped = new Set<string>();

/** Every task that this page knows of, the latest first. */
export const tasks = computed(() =>
  [...known.value.values()].toSorted((a, b) => b.created_at.localeCompare(a.created_at)),
);
export const unfinished = computed(() => tasks.value.filter(isUnfinished));
export const completed = computed(() => tasks.value.filter(({ status }) => status === 'completed'));

/** Whether the first answer has come. */
export const isLoaded = signal(false);
/** Of the page of tasks after those known; null where there is none. */
export const nextCursor = signal<string | null>(null);

export const taskOf = (id: string) => known.value.get(id);
export const isUnfinished = ({ status }: Task) => status === 'pending' || status === 'processing';

/** Takes what the service said of tasks, and tells what has become of them. */
function take(told: readonly Task[]): void {
  const news = told.filter(({ id }) => !dropped.has(id));
  const next = new Map(known.value);
  for (const task of news) {
    const before = next.get(task.id);
    // Lists and streams overtake each other; what has ended never changes.
    if (before && !isUnfinished(before)) continue;
    if (before && isUnfinished(task) && before.updated_at > task.updated_at) continue;
    if (before) tellEnd(task);
    next.set(task.id, task);
  }
  known.value = next;
  remember(news);
}

function tellEnd({ status, request, error }: Task): void {
  const title = `“${shortened(request.prompt)}”`;
  if (status === 'completed') announce(`${title} is ready.`);
  else if (status === 'failed') announce(`${title} failed: ${error?.detail ?? 'nobody knows why'}`);
  else if (status === 'cancelled') announce(`${title} is cancelled.`);
  else if (status === 'expired') announce(`${title} was not made in time.`);
}

function drop(id: string): void {
  dropped.add(id);
  const next = new Map(known.value);
  next.delete(id);
  known.value = next;
}

export async function submit(request: SubmissionInput, idempotencyKey: string): Promise<Task[]> {
  const first = await service.value.generate(request, { idempotencyKey });
  const others = await Promise.all(otherVariations(first).map(({ id }) => service.value.getTask(id)));
  take([first, ...others]);
  announce(others.length === 0 ? 'It is in line.' : `${others.length + 1} variations are in line.`);
  wake();
  return [first, ...others];
}

function otherVariations({ id, variations = [] }: SubmittedTask) {
  return variations.filter((variation) => variation.id !== id);
}

export async function cancel(id: string): Promise<void> {
  take([await service.value.cancelTask(id)]);
}

export async function retry(id: string): Promise<void> {
  take([await service.value.retryTask(id)]);
  drop(id);
  wake();
}

/** For good, with its audio. */
export async function remove(id: string): Promise<void> {
  await service.value.deleteTask(id).catch((error: unknown) => {
    if (!isGone(error)) throw error;
  });
  drop(id);
  forget(id);
}

/** Asks for one task; what the service has no more is known to be gone from then on. */
export async function load(id: string): Promise<void> {
  const { value: client } = service;
  try {
    const task = await client.getTask(id);
    if (client === service.value) take([task]);
  } catch (error) {
    if (!isGone(error)) throw error;
    if (client === service.value) drop(id);
    markGone(id);
  }
}

function isGone(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 'gone' || error.code === 'not_found');
}

const pageLength = 50;

export async function loadMore(): Promise<void> {
  const { tasks: page, next_cursor } = await service.value.listTasks({
    limit: pageLength,
    cursor: nextCursor.value ?? undefined,
  });
  take(page);
  nextCursor.value = next_cursor;
}

/** The latest tasks, and whatever of the unfinished is older than those. */
async function refresh(): Promise<void> {
  const { value: client } = service;
  try {
    const { tasks: page, next_cursor } = await client.listTasks({ limit: pageLength });
    // With another key they are none of its business.
    if (client !== service.value) return;
    const listed = new Set(page.map(({ id }) => id));
    const older = unfinished.value.filter(({ id }) => !listed.has(id));
    take(page);
    if (!isLoaded.value) nextCursor.value = next_cursor;
    isLoaded.value = true;
    await Promise.all(older.map(({ id }) => load(id)));
  } catch {
    // `connection` has it; the next round comes anyway.
  }
}

function intervalMs(): number {
  if (connection.value === 'away') return 2_000;
  return unfinished.value.length > 0 ? 1_500 : 8_000;
}

/** A browser opens six connections to a service, for all tabs together: these many may be streams. */
const mostStreams = 2;
const streams = new Map<string, AbortController>();

/** What is being worked on is followed event by event, as far as connections allow; the list shows the rest. */
function followRunning(): void {
  const running = unfinished.value.filter(({ status }) => status === 'processing').slice(-mostStreams);
  const wanted = new Set(document.hidden ? [] : running.map(({ id }) => id));
  for (const [id, stream] of streams) if (!wanted.has(id)) stream.abort();
  for (const id of wanted) if (!streams.has(id)) void follow(id);
}

async function follow(id: string): Promise<void> {
  const stream = new AbortController();
  streams.set(id, stream);
  try {
    for await (const { task } of service.value.followTask(id, { signal: stream.signal })) take([task]);
  } catch {
    // The list goes on showing it.
  } finally {
    streams.delete(id);
  }
}

let wake = () => {};

/** Keeps what the page shows true, from now on and with whatever key there is. */
export function watchTasks(): void {
  effect(() => {
    apiKey.value;
    known.value = new Map();
    dropped.clear();
    isLoaded.value = false;
    for (const stream of streams.values()) stream.abort();
    let stop = whileVisible(refresh, intervalMs);
    wake = () => {
      stop();
      stop = whileVisible(refresh, intervalMs);
    };
    return () => stop();
  });
  effect(followRunning);
  document.addEventListener('visibilitychange', followRunning);
}
