import { execFileSync } from 'node:child_process';
import { type LiteralValue, parsePythonLiteral } from './python-literal.ts';

test.each<[string, LiteralValue]>([
  [
    "{'prompt': 'a calm piano', 'duration': 10.5, 'seed': None}",
    { prompt: 'a calm piano', duration: 10.5, seed: null },
  ],
  [
    "{'on': True, 'off': False, 'tags': ('a', \"it's\"), 'one': (1,), 'two': (2)}",
    { on: true, off: false, tags: ['a', "it's"], one: [1], two: 2 },
  ],
  ['{"json": [true, null, NaN, -Infinity, 1e3]}', { json: [true, null, null, null, 1000] }],
  ["{1: 'a', (2, 3): 'b'}", { 1: 'a', '[2,3]': 'b' }],
  ["{'a', 'b'}", ['a', 'b']],
  ["'\\x41\\u00e9\\U0001f3b5\\n\\q'", 'Aé🎵\n\\q'],
  ['"\\ud83c\\udfb5"', '🎵'],
  ["b'raw'", 'raw'],
  ["'''several\nlines'''", 'several\nlines'],
  [' [ ] ', []],
  ['{}', {}],
])('%s', (text, value) => {
  expect(parsePythonLiteral(text)).toEqual(value);
});

test.each([
  '',
  '{',
  "{'a': 1",
  "{'a': 1, 'b'}",
  "'open",
  '[1 2]',
  "{'a': datetime.datetime(2024, 1, 1)}",
  "__import__('os').system('true')",
  '1 + 1',
  'constructor',
  '[1],',
  "'\\U00110000'",
])('%s is no literal', (text) => {
  expect(() => parsePythonLiteral(text)).toThrow(SyntaxError);
});

test('values that nest deeper than any task are refused', () => {
  expect(() => parsePythonLiteral('['.repeat(50_000))).toThrow(SyntaxError);
});

test('a key of any name is an entry, and changes no prototype', () => {
  const value = parsePythonLiteral("{'__proto__': {'polluted': 1}}");
  expect(Object.keys(value as object)).toEqual(['__proto__']);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

/** The same numbers for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function randomValue(random: () => number, depth = 0): LiteralValue {
  const pick = Math.floor(random() * (depth > 3 ? 5 : 7));
  const some = (make: (index: number) => LiteralValue) =>
    Array.from({ length: random() * 4 }, (_, index) => make(index));
  if (pick === 0) return null;
  if (pick === 1) return random() < 0.5;
  if (pick === 2) return Math.round((random() - 0.5) * 1e6);
  if (pick === 3) return (random() - 0.5) * 10 ** Math.floor(random() * 20 - 5);
  if (pick === 4) return randomText(random);
  if (pick === 5) return some(() => randomValue(random, depth + 1));
  return Object.fromEntries(
    some((index) => [`${randomText(random)}${index}`, randomValue(random, depth + 1)] as never) as never,
  );
}

function randomText(random: () => number): string {
  const alphabet = [
    'a',
    ' ',
    "'",
    '"',
    '\\',
    '\n',
    '\t',
    '\0',
    'é',
    '♪',
    '🎵',
    '{',
    ',',
    ':',
    '\x7f',
    '\u2028',
  ];
  return Array.from({ length: random() * 12 }, () => alphabet[Math.floor(random() * alphabet.length)]).join(
    '',
  );
}

const python = (() => {
  try {
    return execFileSync('python3', ['--version'], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
})();

test('whatever JSON writes is read as JSON reads it', () => {
  const random = randomFrom(7);
  for (let round = 0; round < 500; round++) {
    const text = JSON.stringify(randomValue(random));
    expect(parsePythonLiteral(text)).toEqual(JSON.parse(text));
  }
});

// Wherever there is a Python, it writes the literals itself.
(python === undefined ? test.skip : test)("whatever Python's repr writes is read as it was", () => {
  const random = randomFrom(11);
  const values = Array.from({ length: 500 }, () => randomValue(random));
  const program = 'import json, sys\nfor line in sys.stdin: print(json.dumps(repr(json.loads(line))))';
  const input = values.map((value) => `${JSON.stringify(value)}\n`).join('');
  const lines = execFileSync('python3', ['-c', program], { input, encoding: 'utf8' }).trimEnd().split('\n');
  expect(lines).toHaveLength(values.length);
  for (const [index, line] of lines.entries()) {
    expect(parsePythonLiteral(JSON.parse(line))).toEqual(JSON.parse(JSON.stringify(values[index])));
  }
});

test('whatever is cut off or damaged is a value or a SyntaxError, never anything else', () => {
  const random = randomFrom(13);
  for (let round = 0; round < 2000; round++) {
    const text = JSON.stringify(randomValue(random));
    const at = Math.floor(random() * text.length);
    const damaged =
      random() < 0.5 ? text.slice(0, at) : `${text.slice(0, at)}${randomText(random)}${text.slice(at + 1)}`;
    try {
      parsePythonLiteral(damaged);
    } catch (error) {
      expect(error).toBeInstanceOf(SyntaxError);
    }
  }
});
