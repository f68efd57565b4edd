import { closeSync, openSync, writeSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Priority, TaskStatus } from '@musicgen/contract';
import type { CancelOutcome, LifecycleEventType } from '@musicgen/queue';
import type { FaultKind } from './plan.ts';

/** What the fake engine is told to make of a task, and so how it must end unless it is cancelled. */
export type Intent = 'complete' | 'flaky' | 'broken' | 'refused' | 'poison';

/** The calls of a worker that end an attempt. */
export type Ending = 'complete' | 'fail' | 'acknowledgeCancel' | 'handBack';

/** One thing that a process did, saw or was told. `request` is what a client means to submit once. */
export type HistoryEvent =
  | { type: 'enqueue:called'; request: string; task: string }
  | {
      type: 'enqueue:acknowledged';
      request: string;
      task: string;
      priority: Priority;
      intent: Intent;
      owner?: string;
      /** The outside is to hear of its end. */
      notified?: boolean;
    }
  | { type: 'cancel:answered'; task: string; outcome: CancelOutcome }
  | { type: 'status:seen'; task: string; status: TaskStatus }
  | { type: 'worker:started'; worker: string; priorities: Priority[] }
  | { type: 'worker:exited'; worker: string; code: number | null; signal: string | null }
  | { type: 'wait:began' | 'wait:ended'; worker: string }
  | { type: 'claim:answered'; worker: string; task: string; token: string; calledAt: number }
  | { type: 'engine:started'; worker: string; request: string; resumedFrom?: string }
  | { type: 'ending:called'; worker: string; task: string; token: string; ending: Ending }
  | { type: 'ending:answered'; worker: string; task: string; token: string; ending: Ending; outcome: string }
  | { type: 'task:repaired'; task: string; repair: string }
  | { type: 'fault'; fault: FaultKind; worker?: string; lastsMs: number }
  | { type: 'process:stalled'; process: string; lastsMs: number }
  | LifecycleEntry
  | RetrySeen
  | { type: 'record:read'; task: string; status: TaskStatus; attempt: number; stalls: number }
  | { type: 'outbox:read'; task: string; entry: string; status: TaskStatus; notify: string }
  | { type: 'list:read'; task: string; status: TaskStatus; owner?: string }
  | { type: 'leftover'; key: string; detail: string }
  | { type: 'memory:read'; bytes: number };

/** An event as Redis wrote it within the transition itself: `id` orders all of them. */
export interface LifecycleEntry {
  type: 'lifecycle';
  id: string;
  task: string;
  event: LifecycleEventType;
  status: TaskStatus;
  priority: Priority;
  attempt: number;
  retryAt?: number;
}

/**
 * A task that waits in its queue after a retry's delay: no lifecycle event tells when that delay ended. `afterId` is
 * the newest lifecycle event at that moment, `score` the task's place in the waiting index.
 */
export interface RetrySeen {
  type: 'retry:seen';
  task: string;
  score: number;
  afterId: string;
}

/** `at` in Unix milliseconds: all processes of a run share one machine and its clock. */
export type Recorded<Event = HistoryEvent> = Event & { at: number };

export interface HistoryWriter {
  write(event: HistoryEvent, at?: number): void;
  close(): void;
}

/**
 * Opens a process's own part of the history. Every event is handed to the kernel before `write` returns, so that a
 * process which is killed the next moment has still told it.
 */
export function openHistory(folder: string, name: string): HistoryWriter {
  const file = openSync(join(folder, `${name}.jsonl`), 'a');
  return {
    write(event, at = Date.now()) {
      writeSync(file, `${JSON.stringify({ at, ...event })}\n`);
    },
    close: () => closeSync(file),
  };
}

/** The parts of all processes, by time. */
export async function readHistory(folder: string): Promise<Recorded[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jsonl'));
  const parts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  const events = parts.flatMap((part) =>
    part
      .split('\n')
      .filter((line) => line !== '')
      .map((line): Recorded => JSON.parse(line)),
  );
  return events.sort((a, b) => a.at - b.at);
}
