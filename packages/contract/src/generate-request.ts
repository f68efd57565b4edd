import { z } from 'zod';
import { audioFormatNames } from './audio-formats.ts';
import { maxBatchLength, maxPromptLength, maxVariations } from './limits.ts';
import { prioritySchema } from './priorities.ts';
import { uploadIdSchema } from './upload.ts';
import { webhookSchema } from './webhook.ts';

export interface RequestLimits {
  maxDurationSeconds: number;
  defaultTtlSeconds: number;
}

/** NUL and lone halves of surrogate pairs are no text: tokenizers, terminals and files choke on them. */
function isPlainText(text: string): boolean {
  return !/[\0\p{Surrogate}]/u.test(text);
}

/** Text that people wrote. */
const plainText = () =>
  z.string().refine(isPlainText, 'must be text, without NUL and without lone surrogates');

const metadataSchema = z
  .record(plainText().min(1).max(64), plainText().max(256))
  .refine((entries) => Object.keys(entries).length <= 16, 'must have at most 16 entries');

/** The id of a model: its folder's name, so never a path. */
const modelIdPattern = /^[A-Za-z0-9][\w.-]{0,99}$/;

/** A task's life in seconds. */
const ttlSchema = z.int().min(60).max(604_800);

/** The audio that a piece goes on from. */
const continueFromSchema = z.union([
  z.strictObject({ task_id: z.uuid() }),
  z.strictObject({ upload_id: uploadIdSchema }),
]);

/** The body of `POST /api/v1/generate`: a request, and what to do with it. */
export function submissionSchema(limits: RequestLimits) {
  return generateRequestSchema(limits).extend({
    n: z
      .int()
      .min(1)
      .max(maxVariations)
      .default(1)
      .describe('Variations: so many tasks, admitted all or none, with the seeds seed, seed + 1 and so on.'),
    dry_run: z.boolean().default(false).describe('Only say when it would be done; nothing is stored.'),
  });
}

export type Submission = z.infer<ReturnType<typeof submissionSchema>>;

/** A submission as callers write it. */
export type SubmissionInput = z.input<ReturnType<typeof submissionSchema>>;

/** The body of `POST /api/v1/batches`. */
export function batchSchema(limits: RequestLimits) {
  return z.strictObject({
    requests: z.array(generateRequestSchema(limits)).min(1).max(maxBatchLength),
  });
}

/** The body of `PATCH /api/v1/tasks/{id}`. */
export const taskChangeSchema = z
  .strictObject({
    priority: prioritySchema.optional().describe('A new priority puts the task at the end of that queue.'),
    ttl: ttlSchema.optional().describe('Counted from the submission.'),
  })
  .refine(({ priority, ttl }) => priority !== undefined || ttl !== undefined, 'must change something');

export type TaskChange = z.input<typeof taskChangeSchema>;

/**
 * What a caller asks for. Unknown fields are refused by name. What is absent and has no default here
 * (seed, temperature, top_k, top_p, guidance_scale) is chosen later: the seed by the API, the rest by the model.
 */
export function generateRequestSchema(limits: RequestLimits) {
  return z.strictObject({
    prompt: plainText()
      .trim()
      .min(1, 'must not be empty or blank')
      .max(maxPromptLength, `must have at most ${maxPromptLength} characters`)
      .describe('What the music should be like.'),
    duration: z
      .number()
      .min(1)
      .max(limits.maxDurationSeconds)
      .default(Math.min(10, limits.maxDurationSeconds))
      .describe('Length of the piece in seconds.'),
    priority: prioritySchema.default('NORMAL').describe('CRITICAL (20), HIGH (10), NORMAL (5) or LOW (1).'),
    ttl: ttlSchema
      .default(limits.defaultTtlSeconds)
      .describe("The task's whole life in seconds, from submission to the removal of its audio."),
    model: z
      .string()
      .regex(modelIdPattern, 'must be the id of a model')
      .optional()
      .describe("Id of a model that the fleet runs; the fleet's default when absent."),
    seed: z
      .int()
      .min(0)
      .optional()
      .describe('The same seed, request and model give the same piece. Chosen at random when absent.'),
    temperature: z.number().min(0).max(4).optional().describe('0 always takes the likeliest code.'),
    top_k: z.int().min(0).max(100_000).optional().describe('Sample from the k likeliest codes; 0 means all.'),
    top_p: z
      .number()
      .gt(0)
      .max(1)
      .optional()
      .describe('Sample from the likeliest codes that make up this share.'),
    guidance_scale: z
      .number()
      .min(1)
      .max(20)
      .optional()
      .describe('How closely to follow the prompt; 1 is off.'),
    negative_prompt: plainText()
      .trim()
      .min(1, 'must not be empty or blank')
      .max(maxPromptLength, `must have at most ${maxPromptLength} characters`)
      .optional()
      .describe('What the music should not be like; works through guidance, so not with guidance_scale 1.'),
    continue_from: continueFromSchema
      .optional()
      .describe(
        'Go on from the audio of an earlier task or of an upload. The result holds that audio and, after it, `duration` new seconds.',
      ),
    fade_out: z.number().min(0).max(30).optional().describe('Fade the last so many seconds out to silence.'),
    preview: z
      .boolean()
      .optional()
      .describe('Make the audio of what is done so far available every few seconds while the rest is made.'),
    format: z
      .enum(audioFormatNames)
      .default('wav')
      .describe('What `audio_url` points to. Every finished piece can be had in every format.'),
    tags: z
      .boolean()
      .default(true)
      .describe(
        'Write into the audio files what they were made from (prompt, seed, model, licence) and that they are AI-generated.',
      ),
    metadata: metadataSchema.optional().describe('Your own short notes, returned with the task.'),
    webhook: webhookSchema.optional().describe('Whom to tell what becomes of the task; not shown with it.'),
  });
}

export type GenerateRequest = z.infer<ReturnType<typeof generateRequestSchema>>;

/** A request as callers write it. */
export type GenerateRequestInput = z.input<ReturnType<typeof generateRequestSchema>>;

const storedFields = generateRequestSchema({
  maxDurationSeconds: Number.MAX_SAFE_INTEGER,
  defaultTtlSeconds: 86_400,
}).omit({ webhook: true });

/**
 * A request as it is stored with the task: complete but for what the model decides. Fields that are unknown here are
 * left out, as during a rolling deploy a newer process may have stored them. A task from an older service keeps under
 * `metadata` whatever has no field of its own, so more than a caller may send.
 */
export const acceptedRequestSchema = z
  .object({
    ...storedFields.shape,
    metadata: z
      .record(z.string(), z.string())
      .optional()
      .describe('Short notes of the caller; of a migrated task also what has no field of its own here.'),
  })
  .required({ seed: true });

export type AcceptedRequest = z.infer<typeof acceptedRequestSchema>;
