import { z } from 'zod';
import { type ErrorCode, errorCodes } from './errors.ts';

const codeNames = Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]];

/** One thing that is wrong with a request. */
const fieldErrorSchema = z.object({
  pointer: z.string().optional().describe('What is wrong in the body, as a JSON pointer: `#/duration`.'),
  parameter: z.string().optional().describe('Or which parameter or header is.'),
  detail: z.string(),
});

export type FieldError = z.infer<typeof fieldErrorSchema>;

/** An error as RFC 9457 `application/problem+json`; also the `error` of a task. */
export const problemSchema = z
  .object({
    type: z.string().describe('`/problems/{code}`: what it means and what to do.'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('One sentence about this very case.'),
    code: z.enum(codeNames),
    instance: z.string().optional(),
    request_id: z.string().optional(),
    errors: z.array(fieldErrorSchema).optional(),
    retry_after_seconds: z.int().optional(),
  })
  .meta({ id: 'Problem' });

export type Problem = z.infer<typeof problemSchema>;

/** The problem of a code: its type, title and status from the closed list, and the sentence about this case. */
export function problemOf(code: ErrorCode, detail: string): Problem {
  const { status, title } = errorCodes[code];
  return { type: `/problems/${code}`, title, status, detail, code };
}
