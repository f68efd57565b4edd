import { createKeys, spellKeys } from './keys.ts';

test('every key lies under the prefix, so that a hash tag puts them all into one slot', () => {
  const keys = Object.values(createKeys('{musicgen}')).map((key: unknown) =>
    typeof key === 'function' ? String(key('x')) : String(key),
  );
  expect(keys.every((key) => key.startsWith('{musicgen}:'))).toBe(true);
  expect(new Set(keys).size).toBe(keys.length);
});

test('the keys in a script are spelt out, and one that does not exist is a mistake', () => {
  expect(spellKeys('musicgen', "call('DEL', task_key(task.id), delayed_key, cancel_channel_key)")).toBe(
    "call('DEL', ('musicgen:task:' .. task.id), 'musicgen:delayed', 'musicgen:cancel')",
  );
  expect(() => spellKeys('musicgen', 'DEL tusk_key(id)')).toThrow('There is no key "tusk"');
});

test('a prefix that could break out of a script is refused', () => {
  expect(() => createKeys("x' .. os.exit() .. '")).toThrow(RangeError);
  expect(() => createKeys('')).toThrow(RangeError);
});
