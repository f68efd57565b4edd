import { hasScope } from './caller.ts';
import { parseKeyList } from './key-list.ts';

const hash = 'a'.repeat(64);
const other = 'B'.repeat(64);

test('entries give a name, scopes, the hash and limits of their own', () => {
  const text = `
    # people
    studio:generate+monitor:${hash}:rate=600,seconds=3600   # the web page
    ops:admin:${other}
  `;
  expect(parseKeyList(text)).toEqual([
    {
      name: 'studio',
      scopes: ['generate', 'monitor'],
      hash: Buffer.alloc(32, 0xaa),
      limits: { requestsPerMinute: 600, secondsPerDay: 3600 },
    },
    { name: 'ops', scopes: ['admin'], hash: Buffer.alloc(32, 0xbb), limits: {} },
  ]);
});

test('admin may do everything, others what they are given', () => {
  expect(hasScope({ scopes: ['admin'] }, 'generate')).toBe(true);
  expect(hasScope({ scopes: ['generate'] }, 'monitor')).toBe(false);
});

test.each([
  ['a key instead of its hash', 'studio:generate:mgk_secret', 'SHA-256'],
  ['an unknown scope', `studio:generate+root:${hash}`, 'generate, monitor, admin'],
  ['no scope', `studio::${hash}`, 'generate, monitor, admin'],
  ['no name', `:generate:${hash}`, 'name'],
  ['a name with a slash', `a/b:generate:${hash}`, 'name'],
  ['an unknown limit', `studio:generate:${hash}:speed=1`, 'rate=N'],
  ['a negative limit', `studio:generate:${hash}:rate=-1`, 'rate=N'],
  ['too many parts', `studio:generate:${hash}:rate=1:x`, 'too many parts'],
  ['one key twice', `a:generate:${hash} b:admin:${hash.toUpperCase()}`, 'same key'],
])('%s is refused, and nothing secret is repeated', (_what, text, reason) => {
  expect(() => parseKeyList(text)).toThrow(reason);
  expect(() => parseKeyList(text)).not.toThrow(/secret|a{64}/i);
});
