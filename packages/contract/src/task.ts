import { z } from 'zod';
import { audioFormatNames } from './audio-formats.ts';
import { acceptedRequestSchema } from './generate-request.ts';
import { priorityNames } from './priorities.ts';
import { problemSchema } from './problem.ts';
import { taskStages, taskStatuses } from './statuses.ts';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const time = z.iso.datetime();

/** What a worker stores with a completed task. */
export const taskResultSchema = z.object({
  model: z.string(),
  duration: z.number().describe('Seconds of audio.'),
  frames: z.int().describe('Columns of codes that were generated.'),
  sample_rate: z.int(),
  channels: z.int(),
  format: z.enum(['wav']).describe('Of the original, which every other format is made from.'),
  bytes: z.int().describe('Of the original.'),
  sha256: hash.describe('Of the original file, tags and all.'),
  samples_sha256: hash
    .optional()
    .describe('Of the samples alone, as 16-bit PCM: the same for the same music, whatever the tags say.'),
  peak_dbfs: z.number().nullable().describe('Loudest sample relative to full scale; null for silence.'),
  loudness_lufs: z
    .number()
    .nullable()
    .default(null)
    .describe('Integrated loudness by EBU R 128 (ITU-R BS.1770); null for silence.'),
  sampling: z
    .object({ temperature: z.number(), top_k: z.int(), top_p: z.number(), guidance_scale: z.number() })
    .describe('What was really used, after the defaults of the model.'),
  warnings: z.array(z.string()),
  timings: z.record(z.string(), z.number()).describe('Seconds of each stage.'),
});

export type TaskResult = z.infer<typeof taskResultSchema>;

/** When a task is expected to be started and done; null where nobody knows. */
const etaSchema = z.object({ start_at: time.nullable(), finish_at: time.nullable() });

/** A task as the API shows it. */
export const taskSchema = z
  .object({
    id: z.uuid(),
    status: z.enum(taskStatuses),
    stage: z.enum(taskStages).nullable(),
    progress: z.object({ ratio: z.number(), frame: z.int(), frames: z.int() }).nullable(),
    queue: z
      .object({ position: z.int(), ahead: z.int() })
      .nullable()
      .describe(
        'While waiting: the place in its own queue (1 is next) and how many go before it over all queues.',
      ),
    eta: etaSchema.nullable(),
    priority: z.enum(priorityNames),
    batch_id: z.uuid().nullable().describe('The batch or the variations it was submitted with.'),
    request: acceptedRequestSchema,
    attempt: z.int(),
    max_attempts: z.int(),
    created_at: time,
    updated_at: time,
    started_at: time.nullable(),
    finished_at: time.nullable(),
    expires_at: time,
    error: problemSchema.nullable(),
    result: taskResultSchema
      .omit({ frames: true, warnings: true, timings: true })
      .extend({
        audio_url: z.string().describe('The audio in the `format` of the request.'),
        audio_urls: z.record(z.enum(audioFormatNames), z.string()).describe('The audio in every format.'),
      })
      .nullable(),
    imported_result: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Of a task that an older service completed: what it stored. Its audio stayed there.'),
    warnings: z.array(z.string()),
    timings: z.object({
      queue: z.number().nullable().describe('Seconds from submission to the first claim.'),
      processing: z.number().nullable().describe('Seconds from the first claim to the end.'),
      stages: z.record(z.string(), z.number()),
      real_time_factor: z.number().nullable().describe('Seconds of processing for one second of audio.'),
    }),
    links: z.object({
      self: z.string(),
      cancel: z.string(),
      events: z.string(),
      audio: z.string(),
      peaks: z.string(),
      waveform: z.string(),
      spectrogram: z.string(),
      preview: z
        .string()
        .nullable()
        .describe('While it is made, if `preview` was asked for: the audio so far.'),
    }),
  })
  .meta({ id: 'Task' });

export type Task = z.infer<typeof taskSchema>;

/** The answer to a submission. */
export const submittedTaskSchema = taskSchema
  .extend({
    variations: z
      .array(taskSchema.pick({ id: true, links: true }).extend({ seed: z.int() }))
      .optional()
      .describe('With `n`: every variation, this task first.'),
  })
  .meta({ id: 'SubmittedTask' });

export type SubmittedTask = z.infer<typeof submittedTaskSchema>;

/** The answer to a dry run. */
export const estimateSchema = z
  .object({
    dry_run: z.literal(true),
    request: acceptedRequestSchema.partial({ seed: true }),
    eta: etaSchema.describe('As if it were submitted now; null while no live worker serves the priority.'),
  })
  .meta({ id: 'Estimate' });

export type Estimate = z.infer<typeof estimateSchema>;

/** The answer to a batch, in the order of its requests. */
export const submittedBatchSchema = z
  .object({ batch_id: z.uuid().nullable(), tasks: z.array(taskSchema) })
  .meta({ id: 'Batch' });

export type SubmittedBatch = z.infer<typeof submittedBatchSchema>;

/** A page of tasks. */
export const taskPageSchema = z
  .object({
    tasks: z.array(taskSchema),
    next_cursor: z.string().nullable().describe('`cursor` of the next page; null on the last.'),
  })
  .meta({ id: 'TaskPage' });

export type TaskPage = z.infer<typeof taskPageSchema>;
