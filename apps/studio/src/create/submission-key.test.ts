import { createSubmissionKey } from './submission-key.ts';

test('only the same request, sent again after a failure, keeps its key', () => {
  const key = createSubmissionKey();
  const first = key.of({ prompt: 'piano' });
  expect(first).toMatch(/^[0-9a-f]{32}$/);
  expect(key.of({ prompt: 'piano' })).toBe(first);
  const changed = key.of({ prompt: 'organ' });
  expect(changed).not.toBe(first);
  key.renew();
  expect(key.of({ prompt: 'organ' })).not.toBe(changed);
});
