import type { Task } from '@musicgen/client';
import { ago, clock, count, inLine, ordinal, shortened, span, stageOf } from './words.ts';

test('spans of time are said in the two largest units', () => {
  expect([0.4, 59.4, 60, 80, 3600, 7500, 90_000].map(span)).toEqual([
    '0 s',
    '59 s',
    '1 min',
    '1 min 20 s',
    '1 h',
    '2 h 5 min',
    '1 d 1 h',
  ]);
  expect([0, 8.9, 750].map(clock)).toEqual(['0:00', '0:08', '12:30']);
});

test('a line of facts breaks between them, never within one', () => {
  expect(inLine(['10 s', '', false, 'seed 7']).split(' ')).toEqual(['10\u00a0s\u00a0·', 'seed\u00a07']);
});

test('places in line have their English endings', () => {
  expect([1, 2, 3, 4, 11, 12, 13, 21, 102].map(ordinal)).toEqual(
    '1st 2nd 3rd 4th 11th 12th 13th 21st 102nd'.split(' '),
  );
});

test('a prompt is cut between characters, never inside of one', () => {
  expect(shortened('🎹🎷🥁🎸', 3)).toBe('🎹🎷…');
  expect(shortened('short')).toBe('short');
});

test('amounts and ages read like sentences', () => {
  expect([count(1, 'task'), count(1200, 'task')]).toEqual(['1 task', '1,200 tasks']);
  const now = Date.parse('2026-11-27T12:00:00Z');
  expect(
    ['11:59:30', '11:55:00', '09:00:00'].map((time) => ago(Date.parse(`2026-11-27T${time}Z`), now)),
  ).toEqual(['just now', '5 min ago', '3 h ago']);
});

test('a task says where it stands and what is being done', () => {
  const waiting = { status: 'pending', queue: { position: 1, ahead: 2 }, attempt: 0 } as Task;
  expect(stageOf(waiting)).toBe('3rd in line');
  expect(stageOf({ ...waiting, queue: { position: 1, ahead: 0 } })).toBe('Next in line');
  expect(stageOf({ ...waiting, queue: null, attempt: 1 })).toBe('Waiting to be tried again');
  const progress = { ratio: 0.5, frame: 250, frames: 500 };
  expect(stageOf({ status: 'processing', stage: 'generating', progress } as Task)).toBe(
    'Composing · frame 250 of 500',
  );
});
