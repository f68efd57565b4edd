import { z } from 'zod';
import { priorityNames } from './priorities.ts';

/** How fast a worker makes frames, as measured on its machine: first when the model was loaded, then from its work. */
const speedSchema = z.object({
  alone: z.number().positive().describe('Frames per second of a piece that has the worker to itself.'),
  all: z.number().positive().describe('Frames per second of all pieces together while every slot is busy.'),
});

/** One model as a worker can run it. */
export const modelDescriptionSchema = z.object({
  id: z.string(),
  licence: z.string().nullable(),
  notice: z
    .string()
    .nullable()
    .describe("A sentence that whoever gets this model's output should read, where there is one."),
  precision: z.string().describe('Of the decoder: fp32, int8, int4 …'),
  sample_rate: z.int(),
  channels: z.int(),
  frame_rate: z
    .number()
    .describe('Frames of codes per second of audio; a piece of d seconds has d times as many.'),
  window_seconds: z
    .number()
    .describe('What is made in one go; longer pieces are made of overlapping windows.'),
  defaults: z
    .object({ temperature: z.number(), top_k: z.int(), top_p: z.number(), guidance_scale: z.number() })
    .describe('Used where a request names none.'),
  supports: z.object({
    continuation_of_tasks: z
      .boolean()
      .describe('continue_from an earlier task of this same model, from its codes.'),
    continuation_of_audio: z
      .boolean()
      .describe('continue_from an upload, or a task of another model: needs the codec encoder.'),
    negative_prompt: z.boolean(),
    preview: z.boolean(),
  }),
  speed: speedSchema,
});

export type ModelDescription = z.infer<typeof modelDescriptionSchema>;

/**
 * What a worker says about itself in the registry of live workers: `GET /api/v1/models`, the monitoring and every
 * estimate of a waiting task's end are made from it.
 */
export const workerDescriptionSchema = z.object({
  slots: z.int().min(1).describe('Tasks it works on at once.'),
  priorities: z.array(z.enum(priorityNames)).describe('The queues it serves.'),
  models: z
    .array(modelDescriptionSchema)
    .min(1)
    .describe('The first is the one for requests that name none.'),
});

export type WorkerDescription = z.infer<typeof workerDescriptionSchema>;
