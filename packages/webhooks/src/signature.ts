import { createHmac } from 'node:crypto';

export interface SignedMessage {
  /** The same for every attempt at one delivery. */
  id: string;
  /** When this attempt is made, in Unix seconds. */
  timestamp: number;
  /** Exactly what is sent. */
  body: string;
}

/**
 * The `webhook-signature` of a message as Standard Webhooks defines it: `v1,` and the base64 of HMAC-SHA256 over
 * `id.timestamp.body`, keyed with the bytes that the secret is the base64 of.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function signatureOf({ id, timestamp, body }: SignedMessage, secret: string): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}
