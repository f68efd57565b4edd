import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { verifyWebhook, WebhookError, type WebhookRequest } from './webhooks.ts';

const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`;
const secret = newSecret();
const body = JSON.stringify({ type: 'task.completed', timestamp: '2026-11-27T12:00:00Z', data: { id: 'ä' } });

/** As the reference implementation of Standard Webhooks signs it. */
function signed({ at = new Date(), by = secret } = {}) {
  return {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(by).sign('msg_1', at, body),
  };
}

test('a message of the service is returned with its id, from text and from bytes', async () => {
  const message = { id: 'msg_1', ...JSON.parse(body) };
  expect(await verifyWebhook({ headers: signed(), body }, { secret })).toEqual(message);
  const bytes = new Uint8Array(Buffer.from(body));
  const headers = new Headers(signed());
  expect(await verifyWebhook({ headers, body: bytes }, { secret })).toEqual(message);
});

test('while one secret replaces another, either is enough', async () => {
  const old = newSecret();
  const headers = signed({ by: old });
  headers['webhook-signature'] = `v1,AAAA v2,x ${headers['webhook-signature']}`;
  expect(await verifyWebhook({ headers, body }, { secret: [secret, old] })).toMatchObject({ id: 'msg_1' });
});

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);

test.each<[string, WebhookRequest]>([
  ['another body', { headers: signed(), body: `${body} ` }],
  ['another id', { headers: { ...signed(), 'webhook-id': 'msg_2' }, body }],
  ['another secret', { headers: signed({ by: newSecret() }), body }],
  ['a signature cut short', { headers: { ...signed(), 'webhook-signature': 'v1,AAAA' }, body }],
  ['no signature', { headers: { ...signed(), 'webhook-signature': undefined }, body }],
  ['an old message', { headers: signed({ at: minutesAgo(6) }), body }],
  ['a message from the future', { headers: signed({ at: minutesAgo(-6) }), body }],
  ['no headers', { headers: {}, body }],
])('%s is refused', async (_what, request) => {
  await expect(verifyWebhook(request, { secret })).rejects.toThrow(WebhookError);
});

test('a secret that is none is the receiver’s own mistake', async () => {
  const verdict = verifyWebhook({ headers: signed(), body }, { secret: 'whsec_c2hvcnQ=' });
  await expect(verdict).rejects.toThrow(TypeError);
});
