import { type ErrorCode, ServiceError } from '@musicgen/contract';
import type { Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import { invalidBody, invalidHeader, invalidQuery } from '../invalid-request.ts';

/** What a caller must be allowed to do; `public` asks for nothing. */
export type Scope = 'public' | 'generate' | 'monitor' | 'admin';

/** The groups of the documentation, in their order there. */
export const tags = {
  Tasks: 'Submit, follow, change and remove tasks.',
  Audio: 'The music of a finished task, and what is made from it.',
  Service: 'What the service can do and how busy it is.',
  Monitoring: 'What operators and autoscalers look at.',
  Operation: 'What operators do.',
  Health: 'For probes and Prometheus.',
  Documentation: 'This page and what it is made of.',
} as const;

/** One kind of answer. */
export interface ResponseSpec {
  description: string;
  /** JSON unless `contentType` names something else; no body when neither is given. */
  body?: z.ZodType;
  /** Media types of a body that is not JSON. */
  contentType?: string | readonly string[];
  /** Headers beside those that every answer has; optional schemas may be absent. */
  headers?: Record<string, z.ZodType>;
  example?: unknown;
}

/** What the service says about a route: this alone makes the OpenAPI document. */
export interface RouteDescription {
  /** Unique, what a generated client calls it: `getTask`. */
  operationId: string;
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** As OpenAPI writes it: `/api/v1/tasks/{id}`. */
  path: `/${string}`;
  tag: keyof typeof tags;
  scope: Scope;
  /** A line. */
  summary: string;
  /** Markdown, for what a line cannot say. */
  description?: string;
  /** Success and redirection, by status. */
  responses: Record<number, ResponseSpec>;
  /** Refusals by their code; the statuses and the body follow from the closed list. */
  errors: readonly ErrorCode[];
  /** Headers of refusals, by status, beside `Retry-After`. */
  refusalHeaders?: Record<number, Record<string, z.ZodType>>;
  /** An example of the body. */
  example?: unknown;
  /** HEAD is answered wherever GET is, unless it is refused. */
  head?: 'refused';
}

/** What a route accepts. Each schema both validates and documents. */
interface RouteInput<Params, Query, Headers, Body> {
  /** Of the path; what does not fit is answered with `invalidParams`. */
  params?: Params;
  /** Everything that may stand behind `?`; without it nothing may. */
  query?: Query;
  /** By lower-case name; only what the handler reads. What does not fit is `invalid_header`. */
  headers?: Headers;
  /** Of a JSON body; without it a body is ignored. */
  body?: Body;
  /** The longest body, 64 kB where nothing is said. */
  bodyLimitKilobytes?: number;
  /** A body that is not JSON, which the handler reads from `res.req` itself. */
  rawBody?: { contentType: string | readonly string[]; description: string };
  /** The code for a path whose parameters are impossible: `not_found` where nothing is said. */
  invalidParams?: ErrorCode;
}

interface Parsed<Params, Query, Headers, Body> {
  params: Params;
  query: Query;
  headers: Headers;
  body: Body;
}

export interface RouteSpec<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Headers extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
> extends RouteDescription,
    RouteInput<Params, Query, Headers, Body> {
  /** Answers a valid request, or throws a `ServiceError` with one of the route's `errors`. */
  handle(
    input: Parsed<z.output<Params>, z.output<Query>, z.output<Headers>, z.output<Body>>,
    res: Response,
  ): void | Promise<void>;
  /** Told about every refusal, whoever refused. */
  onRefused?(code: ErrorCode): void;
}

/** A route that can be mounted and documented. */
export interface Route extends RouteDescription, RouteInput<z.ZodType, z.ZodType, z.ZodType, z.ZodType> {
  run: RequestHandler;
  onRefused?(code: ErrorCode): void;
}

/** Ties a description and its schemas to the handler that gets what they let through. */
export function route<
  Params extends z.ZodType,
  Query extends z.ZodType,
  Headers extends z.ZodType,
  Body extends z.ZodType,
>({ handle, ...spec }: RouteSpec<Params, Query, Headers, Body>): Route {
  return {
    ...spec,
    errors: withImplied(spec),
    run: async (req, res) => handle(parse(spec, req), res),
  };
}

/** Unless any query will do, an unknown parameter is refused: nobody has to remember to say so. */
function withImplied({ errors, query }: Pick<Route, 'errors' | 'query'>): readonly ErrorCode[] {
  return query === anyQuery || errors.includes('invalid_request') ? errors : [...errors, 'invalid_request'];
}

function parse<
  Params extends z.ZodType,
  Query extends z.ZodType,
  Headers extends z.ZodType,
  Body extends z.ZodType,
>(spec: RouteInput<Params, Query, Headers, Body>, req: Request) {
  const { params, query = noQuery, headers, body, invalidParams = 'not_found' } = spec;
  return {
    params: check(
      params,
      req.params,
      () => new ServiceError(invalidParams, 'There is nothing at this path.'),
    ),
    headers: check(headers, req.headers, invalidHeader),
    query: check(query as Query, queryOf(req), invalidQuery),
    body: check(body, req.body, invalidBody),
  };
}

/** Express takes the path apart for each that asks, and most have no query. */
function queryOf(req: Request): unknown {
  return req.url.includes('?') ? req.query : {};
}

/** For a route without parameters behind the `?`: whoever sends one means something that does not happen. */
const noQuery = z.strictObject({});

/** For pages and probes, where an unknown parameter harms nobody. */
export const anyQuery = z.looseObject({});

function check<Schema extends z.ZodType>(
  schema: Schema | undefined,
  value: unknown,
  refusal: (error: z.ZodError) => ServiceError,
): z.output<Schema> {
  if (schema === undefined) return undefined as z.output<Schema>;
  const { data, error } = schema.safeParse(value);
  if (error) throw refusal(error);
  return data;
}

/** A whole number behind the `?`. */
export function integerParameter({ min, max }: { min: number; max: number }) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.coerce.number({ error }).int(error).min(min, error).max(max, error);
}
