import { z } from 'zod';
import { priorityNames } from './priorities.ts';
import { problemSchema } from './problem.ts';

export const pausedQueuesSchema = z.object({
  priority: z.enum(priorityNames),
  paused: z.boolean(),
  paused_priorities: z.array(z.enum(priorityNames)).describe('All that are paused now.'),
});

export type PausedQueues = z.infer<typeof pausedQueuesSchema>;

export const drainingWorkerSchema = z.object({
  id: z.string(),
  state: z.literal('draining').describe('It hears of it within 20 seconds, finishes what fits and exits.'),
});

export type DrainingWorker = z.infer<typeof drainingWorkerSchema>;

const time = z.iso.datetime();

/** A task that used up its attempts, as it is stored: its request may be one that nobody can read. */
const deadLetterSchema = z.object({
  id: z.string(),
  priority: z.enum(priorityNames),
  error: problemSchema.nullable(),
  attempt: z.int(),
  max_attempts: z.int(),
  stalls: z.int().describe('Workers that were lost with it.'),
  created_at: time,
  died_at: time.nullable(),
  expires_at: time.describe('When it is removed with its record.'),
  request: z.record(z.string(), z.unknown()),
});

export const deadLettersSchema = z.object({
  total: z.int().min(0),
  tasks: z.array(deadLetterSchema),
  next_cursor: z.string().nullable().describe('For the next page; null after the last.'),
});

export type DeadLetters = z.infer<typeof deadLettersSchema>;

export const effectiveConfigSchema = z.object({
  config: z
    .record(z.string(), z.unknown())
    .describe('Every setting as it is in force, by the name of its variable; secrets are `***`.'),
});

export type EffectiveConfig = z.infer<typeof effectiveConfigSchema>;

/** The version of the export's format; a reader refuses one that it does not know. */
export const exportVersion = 1;

/** One task in the export: what is stored of it, but for an unfinished attempt's progress and checkpoint. */
const exportedTaskSchema = z.looseObject({
  id: z.string(),
  status: z.string(),
  priority: z.string(),
  request: z.record(z.string(), z.unknown()),
  result: z.record(z.string(), z.unknown()).optional(),
  error: z.object({ code: z.string(), detail: z.string() }).optional(),
  attempt: z.int(),
  max_attempts: z.int(),
  stalls: z.int(),
  created_at: time,
  updated_at: time,
  started_at: time.optional(),
  finished_at: time.optional(),
  expires_at: time,
  retry_at: time.optional(),
  request_id: z.string().optional(),
  owner: z.string().optional(),
  batch_id: z.string().optional(),
  batch_index: z.int().optional(),
  cost: z.int().optional().describe('Milliseconds of audio.'),
});

/**
 * One line of the export (NDJSON). The first is the header; then tasks, and after each page of them the cursor that an
 * interrupted reader goes on from; the last is the end, without which the export is not whole. A task that changes
 * meanwhile may come twice, and the later line is the newer: readers go by the id.
 */
export const exportLineSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('header'),
    format: z.literal('musicgen-tasks'),
    version: z.int(),
    exported_at: z.iso.datetime(),
  }),
  z.object({ type: z.literal('task'), task: exportedTaskSchema }),
  z.object({ type: z.literal('cursor'), cursor: z.string() }),
  z.object({ type: z.literal('end'), tasks: z.int().describe('Lines with tasks in this answer.') }),
]);

export type ExportLine = z.infer<typeof exportLineSchema>;
