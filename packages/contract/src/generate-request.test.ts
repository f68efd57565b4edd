import { generateRequestSchema } from './generate-request.ts';
import { maxPromptLength } from './limits.ts';
import { parsePriority } from './priorities.ts';

const schema = generateRequestSchema({ maxDurationSeconds: 300, defaultTtlSeconds: 86_400 });

test('a prompt is all that must be given; it is trimmed and the rest has defaults', () => {
  expect(schema.parse({ prompt: '  lofi piano \n' })).toEqual({
    prompt: 'lofi piano',
    duration: 10,
    priority: 'NORMAL',
    ttl: 86_400,
    format: 'wav',
    tags: true,
  });
});

test.each([
  [20, 'CRITICAL'],
  ['10', 'HIGH'],
  ['normal', 'NORMAL'],
  ['Low', 'LOW'],
  [7, undefined],
  ['urgent', undefined],
  ['', undefined],
  [true, undefined],
])('the priority %j means %s', (given, meant) => {
  expect(parsePriority(given)).toBe(meant);
});

const blank = '\u2003\t ';

test.each([
  ['an empty prompt', { prompt: '' }, 'prompt'],
  ['a blank prompt', { prompt: blank }, 'prompt'],
  ['a prompt that is too long', { prompt: 'a'.repeat(maxPromptLength + 1) }, 'prompt'],
  ['no prompt', {}, 'prompt'],
  ['duration 0', { prompt: 'x', duration: 0 }, 'duration'],
  ['a negative duration', { prompt: 'x', duration: -3 }, 'duration'],
  ['a duration as text', { prompt: 'x', duration: '10' }, 'duration'],
  ['a duration above the maximum', { prompt: 'x', duration: 301 }, 'duration'],
  ['an unknown priority', { prompt: 'x', priority: 'urgent' }, 'priority'],
  ['a priority of another type', { prompt: 'x', priority: true }, 'priority'],
  ['a seed of 1.5', { prompt: 'x', seed: 1.5 }, 'seed'],
  ['a seed beyond 2^53', { prompt: 'x', seed: 2 ** 53 }, 'seed'],
  ['guidance below 1', { prompt: 'x', guidance_scale: 0.5 }, 'guidance_scale'],
  ['a model named by a path', { prompt: 'x', model: '../models/x' }, 'model'],
  ['a ttl under a minute', { prompt: 'x', ttl: 59 }, 'ttl'],
  ['a blank negative prompt', { prompt: 'x', negative_prompt: ' ' }, 'negative_prompt'],
  [
    'a task to go on from that is no id',
    { prompt: 'x', continue_from: { task_id: '../x' } },
    'continue_from',
  ],
  ['an upload named by a path', { prompt: 'x', continue_from: { upload_id: 'a/b' } }, 'continue_from'],
  [
    'two things to go on from',
    { prompt: 'x', continue_from: { upload_id: 'a', task_id: '019ac000-0000-7000-8000-000000000000' } },
    'continue_from',
  ],
  ['a fade-out that goes backwards', { prompt: 'x', fade_out: -1 }, 'fade_out'],
  [
    'too much metadata',
    { prompt: 'x', metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, ''])) },
    'metadata',
  ],
])('%s is refused by field', (_what, body, field) => {
  const parsed = schema.safeParse(body);
  expect(parsed.error?.issues.map((issue) => issue.path[0])).toEqual([field]);
});

test('every wrong and every unknown field is named at once', () => {
  const issues =
    schema.safeParse({ prompt: '', duration: 'long', tempo: 120, mood: 'sad' }).error?.issues ?? [];
  expect(issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : issue.path))).toEqual([
    'prompt',
    'duration',
    'tempo',
    'mood',
  ]);
});
