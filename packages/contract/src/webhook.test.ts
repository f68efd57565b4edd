import { randomBytes } from 'node:crypto';
import { webhookSchema } from './webhook.ts';

const url = 'https://example.org/hook?x=1';
const secretOf = (bytes: number) => `whsec_${randomBytes(bytes).toString('base64')}`;

test('an address is all that must be given; it hears of every end', () => {
  expect(webhookSchema.parse({ url })).toEqual({
    url,
    events: ['task.completed', 'task.failed', 'task.cancelled', 'task.expired'],
  });
});

test.each([24, 25, 26, 32, 63, 64])('a secret of %d bytes is accepted', (bytes) => {
  expect(webhookSchema.parse({ url, secret: secretOf(bytes) }).secret).toMatch(/^whsec_/);
});

test.each([
  ['no address', {}, 'url'],
  ['no URL', { url: 'example.org' }, 'url'],
  ['another scheme', { url: 'ftp://example.org' }, 'url'],
  ['a script', { url: 'javascript:alert(1)' }, 'url'],
  ['a name and password', { url: 'https://me:secret@example.org' }, 'url'],
  ['a long address', { url: `https://example.org/${'a'.repeat(2048)}` }, 'url'],
  ['no events', { url, events: [] }, 'events'],
  ['an unknown event', { url, events: ['task.lost'] }, 'events'],
  ['a short secret', { url, secret: secretOf(23) }, 'secret'],
  ['a long secret', { url, secret: secretOf(65) }, 'secret'],
  ['a secret without its prefix', { url, secret: randomBytes(32).toString('base64') }, 'secret'],
  ['a secret in base64url', { url, secret: `whsec_${'-_'.repeat(16)}` }, 'secret'],
])('%s is refused by field', (_what, body, field) => {
  const issues = webhookSchema.safeParse(body).error?.issues ?? [];
  expect(issues.map(({ path }) => path[0])).toEqual([field]);
});
