import type { Webhook } from '@musicgen/contract';
import type { WebhookOptions } from './app.ts';
import { invalidBody } from './invalid-request.ts';

/**
 * A request's webhook as the queue keeps it for the outbox, secret and all.
 * @throws InvalidRequest for an address that may not be reached, and where nobody has a secret to sign with. `path` is
 *   where it stands in the body.
 */
export function noticeOf(
  webhook: Webhook | undefined,
  { policy, hasSecret }: Pick<WebhookOptions, 'policy' | 'hasSecret'>,
  path: PropertyKey[] = ['webhook'],
): string | undefined {
  if (webhook === undefined) return undefined;
  const problem = policy.problemOf(webhook.url);
  if (problem !== undefined) throw invalid([...path, 'url'], problem);
  if (webhook.secret === undefined && !hasSecret) {
    throw invalid([...path, 'secret'], 'must be given, as the service has none of its own to sign with');
  }
  return JSON.stringify(webhook);
}

function invalid(path: PropertyKey[], message: string) {
  return invalidBody({ issues: [{ code: 'custom', path, message, input: undefined }] });
}
