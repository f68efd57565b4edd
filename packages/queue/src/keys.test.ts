import { createKeys, luaKeys } from './keys.ts';

test('every key lies under the prefix, so that a hash tag puts them all into one slot', () => {
  const keys = Object.values(createKeys('{musicgen}')).map((key: unknown) =>
    typeof key === 'function' ? String(key('x')) : String(key),
  );
  expect(keys.every((key) => key.startsWith('{musicgen}:'))).toBe(true);
  expect(new Set(keys).size).toBe(keys.length);
});

test('a script gets the keys it names, and no others', () => {
  expect(luaKeys('musicgen', 'DEL task_key(id); ZREM delayed_key id')).toBe(
    "local function task_key(value) return 'musicgen:task:' .. value end\nlocal delayed_key = 'musicgen:delayed'",
  );
});

test('a prefix that could break out of a script is refused', () => {
  expect(() => createKeys("x' .. os.exit() .. '")).toThrow(RangeError);
  expect(() => createKeys('')).toThrow(RangeError);
});
