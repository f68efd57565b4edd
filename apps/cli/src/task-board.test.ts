import { stripVTControlCharacters } from 'node:util';
import type { Task } from '@musicgen/client';
import { describe as describeRow } from './task-board.ts';

const eta = { start_at: null, finish_at: new Date(7_000).toISOString() };

test.each<[string, Partial<Task>, string]>([
  ['waits', { status: 'pending', queue: { position: 1, ahead: 2 } }, '0 %  waiting, 2 ahead'],
  ['waits with an estimate', { status: 'pending', eta }, '0 %  waiting, ready in 5 s'],
  [
    'runs',
    { status: 'processing', stage: 'encoding_text', progress: { ratio: 0.5, frame: 1, frames: 2 }, eta },
    '50 %  encoding text, ready in 5 s',
  ],
  ['is done', { status: 'completed' }, '100 %  completed'],
])('a task that %s is shown as such', (_what, task, expected) => {
  const line = stripVTControlCharacters(describeRow({ label: 'HIGH', task }, { now: 2_000 }));
  expect(line).toMatch(/^ {2}HIGH {6}[█░]{24} /);
  expect(line.trimEnd().endsWith(expected)).toBe(true);
});
