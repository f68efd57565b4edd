import { createReleasers } from './releasers.ts';

test('what was opened last is closed first, and a failure stops nothing', async () => {
  const closed: string[] = [];
  const logged: string[] = [];
  const releasers = createReleasers({ error: (message) => logged.push(message) });
  releasers.add('redis', () => closed.push('redis'));
  releasers.add('queue', async () => {
    throw new Error('stuck');
  });
  releasers.add('server', () => closed.push('server'));
  await releasers.releaseAll();
  expect(closed).toEqual(['server', 'redis']);
  expect(logged).toEqual(['closing queue failed']);

  releasers.add('late', () => closed.push('late'));
  expect(closed.at(-1)).toBe('late');
});
