import { z } from 'zod';

/** A name under which an upload is kept; never a path. */
export const uploadIdSchema = z.string().regex(/^[\w-]{1,64}$/, 'must be the id of an upload');

/** An upload as the API shows it. */
export const uploadSchema = z
  .object({
    id: uploadIdSchema.describe('For `continue_from`: `{"upload_id": …}`.'),
    bytes: z.int(),
    duration: z.number().describe('Seconds of audio.'),
    sample_rate: z.int(),
    channels: z.int(),
    expires_at: z.iso.datetime().describe('When it is removed.'),
  })
  .meta({ id: 'Upload' });

export type Upload = z.infer<typeof uploadSchema>;
