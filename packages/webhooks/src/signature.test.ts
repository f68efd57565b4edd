import { randomBytes } from 'node:crypto';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { signatureOf } from './signature.ts';

const secret = `whsec_${randomBytes(32).toString('base64')}`;
const body = JSON.stringify({ type: 'task.completed', data: { prompt: 'fünf Töne' } });
const now = () => Math.floor(Date.now() / 1000);

/** What a receiver with the Standard Webhooks library makes of a message. */
function verify({ timestamp = now(), signed = body, key = secret, id = 'msg_1', received = body } = {}) {
  return new Webhook(secret).verify(received, {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatureOf({ id, timestamp, body: signed }, key),
  });
}

test('a receiver with the Standard Webhooks library accepts what we sign', () => {
  expect(verify()).toEqual(JSON.parse(body));
});

test.each([
  ['another secret', { key: `whsec_${randomBytes(32).toString('base64')}` }],
  ['another body', { received: body.replace('completed', 'failed') }],
  ['another id', { id: 'msg_2' }],
  ['a time ten minutes ago', { timestamp: now() - 600 }],
  ['a time ten minutes ahead', { timestamp: now() + 600 }],
])('it refuses %s', (_what, forged) => {
  expect(() => verify(forged)).toThrow(WebhookVerificationError);
});

test('the signature is that of the specification’s own example', () => {
  const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1614265330, body: '{"test": 2432232314}' };
  expect(signatureOf(message, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')).toBe(
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  );
});
