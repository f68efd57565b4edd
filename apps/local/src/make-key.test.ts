import { hashApiKey, parseKeyList } from '@musicgen/access';
import { makeKey } from './make-key.ts';

test('the entry that is printed is that of the key that is printed', () => {
  const [keyLine = '', entryLine = ''] = makeKey(['ops', 'generate+monitor']);
  const key = /mgk_\w+/.exec(keyLine)?.[0] ?? '';
  expect(parseKeyList(entryLine.replace('API_KEYS', ''))).toEqual([
    { name: 'ops', scopes: ['generate', 'monitor'], hash: hashApiKey(key), limits: {} },
  ]);
});

test('a scope that there is not is named', () => {
  expect(() => makeKey(['ops', 'root'])).toThrow('generate, monitor, admin');
});
