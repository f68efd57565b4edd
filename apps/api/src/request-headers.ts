import { z } from 'zod';

/** Longer waits would hold connections that proxies cut off anyway. */
export const longestWaitSeconds = 60;

const keyError = 'must be 1 to 255 visible ASCII characters, in double quotes or without';

/** `Idempotency-Key`, as the IETF draft quotes it or bare. */
export const idempotencyKey = z
  .string()
  .regex(/^(?:"[!#-~]{1,255}"|[!#-~]{1,255})$/, keyError)
  .transform((key) => key.replaceAll('"', ''))
  .optional()
  .describe(
    'Your name for this submission, best a random UUID. Sent again within a day with the same body, it answers with the same tasks (and `Idempotency-Replayed: true`) instead of new ones.',
  );

/** Of `Prefer` (RFC 7240) we honour `wait`, up to a minute; a server may ignore every other preference. */
export const prefer = z
  .string()
  .optional()
  .transform((value = '') => {
    const [, seconds] = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])/i.exec(value) ?? [];
    return seconds === undefined ? undefined : Math.min(longestWaitSeconds, Number(seconds));
  })
  .describe('`wait=N` answers when the task has finished, after at most N seconds (60 at most).');
