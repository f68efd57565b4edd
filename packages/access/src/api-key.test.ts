import { createApiKey, hashApiKey, isWellFormed } from './api-key.ts';

test('every key is new, recognisable and carries its own check', () => {
  const keys = Array.from({ length: 50 }, createApiKey);
  expect(new Set(keys).size).toBe(50);
  for (const key of keys) {
    expect(key).toMatch(/^mgk_[0-9A-Za-z]{38}$/);
    expect(isWellFormed(key)).toBe(true);
  }
});

test('a key with any one character changed is not well formed', () => {
  const key = createApiKey();
  for (let index = 0; index < key.length; index++) {
    const other = key[index] === 'x' ? 'y' : 'x';
    expect(isWellFormed(`${key.slice(0, index)}${other}${key.slice(index + 1)}`)).toBe(false);
  }
  for (const text of ['', 'mgk_', ` ${key}`, `${key}\n`, key.slice(0, -1)])
    expect(isWellFormed(text)).toBe(false);
});

test('the stored hash is the SHA-256 that `sha256sum` prints', () => {
  expect(hashApiKey('abc').toString('hex')).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});
