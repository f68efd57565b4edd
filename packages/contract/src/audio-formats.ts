import { z } from 'zod';

/** Every format audio is served in and its media type; `wav` is what a worker stores, the rest is made from it. */
export const audioFormats = {
  wav: 'audio/wav',
  flac: 'audio/flac',
  mp3: 'audio/mpeg',
  ogg: 'audio/ogg',
} as const;

export type AudioFormat = keyof typeof audioFormats;

export const audioFormatNames = Object.keys(audioFormats) as [AudioFormat, ...AudioFormat[]];

/** What a file was made from, as it stands in the file's own tags. */
export const provenanceSchema = z.object({
  software: z.string().max(200).describe('What made it, with its version.'),
  task_id: z.string().max(64),
  model: z.string().max(200),
  licence: z.string().max(200).nullable().describe("The model's licence, where its folder names one."),
  prompt: z.string().max(10_000),
  seed: z.int().min(0),
  parameters: z
    .record(z.string().max(64), z.union([z.string().max(2_000), z.number(), z.boolean()]))
    .describe('What else decided the result: duration, temperature, top_k, top_p, guidance_scale, …'),
});

export type Provenance = z.infer<typeof provenanceSchema>;

/** What a player draws without decoding the audio. */
export const peaksSchema = z.object({
  duration: z.number().describe('Seconds of audio.'),
  sample_rate: z.int(),
  channels: z.int(),
  points: z.int().describe('Pairs of lowest and highest sample in each channel.'),
  peaks: z
    .array(z.array(z.number()))
    .describe(
      'For each channel lowest, highest, lowest, highest, … in [-1, 1]: as wavesurfer.js takes `peaks`.',
    ),
});

export type Peaks = z.infer<typeof peaksSchema>;

/** The answer of `POST /api/v1/inspect`. */
export const inspectionSchema = z.object({
  format: z.enum(audioFormatNames),
  made_by: provenanceSchema
    .nullable()
    .describe('What the tags of the file say; null when they are not ours.'),
});

export type Inspection = z.infer<typeof inspectionSchema>;
