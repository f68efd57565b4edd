import { z } from 'zod';

/** What a webhook can be told about a task: that its first attempt began, and how it ended. */
export const webhookEvents = [
  'task.processing',
  'task.completed',
  'task.failed',
  'task.cancelled',
  'task.expired',
] as const;

export type WebhookEvent = (typeof webhookEvents)[number];

/** The longest address of a webhook. */
const maxUrlLength = 2048;

const urlSchema = z
  .string()
  .max(maxUrlLength, `must have at most ${maxUrlLength} characters`)
  .superRefine((text, context) => {
    const problem = problemOfUrl(text);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  })
  .describe('Where to send the events: an https address that is reachable from the service.');

/** `whsec_` and 24 to 64 bytes in base64, as Standard Webhooks writes it. */
const secretPattern =
  /^whsec_(?:(?:[A-Za-z0-9+/]{4}){8,20}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?|(?:[A-Za-z0-9+/]{4}){21}(?:[A-Za-z0-9+/]{2}==)?)$/;

export const webhookSecretSchema = z.string().regex(secretPattern, {
  error: 'must be whsec_ and the base64 of 24 to 64 random bytes',
});

/** The `webhook` of a request: who is told what about the task. */
export const webhookSchema = z.strictObject({
  url: urlSchema,
  events: z
    .array(z.enum(webhookEvents))
    .min(1)
    .max(webhookEvents.length)
    .default(webhookEvents.filter((event) => event !== 'task.processing'))
    .describe('Which events to send; all ends of the task when absent.'),
  secret: webhookSecretSchema
    .optional()
    .describe(
      'Signs the events; never shown again. Without it the secret of the service does, where it has one.',
    ),
});

export type Webhook = z.output<typeof webhookSchema>;

function problemOfUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return 'must be an https URL';
  if (url.username !== '' || url.password !== '') return 'must not carry a name or password';
  return undefined;
}
