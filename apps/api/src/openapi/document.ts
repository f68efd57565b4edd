import { type ErrorCode, errorCodes, problemSchema } from '@musicgen/contract';
import { z } from 'zod';
import { type Components, type JsonSchema, jsonSchemaOf } from './json-schema.ts';
import { type ResponseSpec, type Route, type Scope, tags } from './route.ts';

/** An OpenAPI 3.1 document, as far as anyone here reads it. */
export interface OpenApiDocument {
  openapi: string;
  info: { title: string; version: string; description: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, JsonSchema>; securitySchemes: JsonSchema };
}

export interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  security: Record<string, string[]>[];
  parameters?: object[];
  requestBody?: RequestBody;
  responses: Record<string, ResponseObject>;
}

interface RequestBody {
  required: boolean;
  description?: string;
  content: Record<string, Media>;
}

/** A body of one media type. */
export interface Media {
  schema: JsonSchema;
  example?: unknown;
}

export interface ResponseObject {
  description: string;
  headers?: Record<string, { description: string; required: boolean; schema: JsonSchema }>;
  content?: Record<string, Media>;
}

const description = `Text to music. Submit a prompt, follow the task, fetch the audio.

Every refusal is an RFC 9457 problem (\`application/problem+json\`) whose \`code\` is from one closed list; \`/problems\`
explains each. Every answer carries \`X-Request-Id\`, the caller's own where it sent one. HEAD is answered wherever GET is,
but for event streams.`;

/** The document of these routes; nothing in it is written by hand but their own words. */
export function openApiDocument(routes: readonly Route[], { version }: { version: string }): OpenApiDocument {
  const components: Components = new Map();
  const paths: OpenApiDocument['paths'] = {};
  for (const route of routes)
    paths[route.path] = { ...paths[route.path], [route.method]: operationOf(route, components) };
  return {
    openapi: '3.1.1',
    info: { title: 'musicgen-service', version, description },
    tags: Object.entries(tags).map(([name, text]) => ({ name, description: text })),
    paths,
    components: { schemas: Object.fromEntries([...components].sort()), securitySchemes },
  };
}

const securitySchemes = {
  bearer: { type: 'http', scheme: 'bearer' },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
};

function securityOf(scope: Scope): Operation['security'] {
  return scope === 'public' ? [] : [{ bearer: [] }, { apiKey: [] }, {}];
}

function operationOf(route: Route, components: Components): Operation {
  const parameters = parametersOf(route, components);
  const requestBody = requestBodyOf(route, components);
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    security: securityOf(route.scope),
    ...(parameters.length > 0 && { parameters }),
    ...(requestBody && { requestBody }),
    responses: { ...successes(route, components), ...refusals(route, components) },
  };
}

function parametersOf({ params, query, headers }: Route, components: Components): object[] {
  const places = { path: params, query, header: headers };
  return Object.entries(places).flatMap(([place, schema]) => {
    if (schema === undefined) return [];
    const { properties = {}, required = [] } = jsonSchemaOf(schema, 'input', components);
    return Object.entries(properties as Record<string, JsonSchema>).map(([name, property]) => {
      const { description = '', ...rest } = property;
      return {
        name: place === 'header' ? headerName(name) : name,
        in: place,
        description,
        required: place === 'path' || (required as string[]).includes(name),
        schema: rest,
      };
    });
  });
}

/** `idempotency-key` as people write it: `Idempotency-Key`. */
function headerName(name: string): string {
  return name.replaceAll(/(^|-)[a-z]/g, (letter) => letter.toUpperCase()).replace(/-Id$/, '-ID');
}

function requestBodyOf({ body, rawBody, example }: Route, components: Components): RequestBody | undefined {
  if (rawBody !== undefined) {
    const { contentType, description } = rawBody;
    return {
      required: true,
      description,
      content: Object.fromEntries([contentType].flat().map((type) => [type, { schema: {} }])),
    };
  }
  if (body === undefined) return undefined;
  const schema = jsonSchemaOf(body, 'input', components);
  const content = { schema, ...(example !== undefined && { example }) };
  return { required: true, content: { 'application/json': content } };
}

function successes({ responses }: Route, components: Components): Operation['responses'] {
  return Object.fromEntries(
    Object.entries(responses).map(([status, spec]) => [status, responseOf(spec, components)]),
  );
}

function responseOf(
  { description, body, contentType, headers, example }: ResponseSpec,
  components: Components,
): ResponseObject {
  const types = [contentType ?? (body ? 'application/json' : [])].flat();
  const schema = body ? jsonSchemaOf(body, 'output', components) : {};
  const media = { schema, ...(example !== undefined && { example }) };
  return {
    description,
    ...(headers && { headers: headersOf(headers, components) }),
    ...(types.length > 0 && { content: Object.fromEntries(types.map((type) => [type, media])) }),
  };
}

function headersOf(headers: Record<string, z.ZodType>, components: Components): ResponseObject['headers'] {
  return Object.fromEntries(
    Object.entries(headers).map(([name, header]) => {
      const { description = '', ...schema } = jsonSchemaOf(header, 'output', components);
      return [
        name,
        { description: String(description), required: !header.safeParse(undefined).success, schema },
      ];
    }),
  );
}

/** Refusals by status; each lists the codes it may have. */
function refusals(
  { scope, errors: own, refusalHeaders }: Route,
  components: Components,
): Operation['responses'] {
  const errors = [...new Set([...accessErrors(scope), ...own])];
  const statuses = [...new Set(errors.map((code) => errorCodes[code].status))];
  const stated = statuses.map((status) => {
    const codes = errors.filter((code) => errorCodes[code].status === status);
    const headers = {
      ...(waitable.has(status) && { 'Retry-After': retryAfterHeader.optional() }),
      ...(status === 401 && { 'WWW-Authenticate': z.string().describe('How to send a key.') }),
      ...refusalHeaders?.[status],
    };
    return [status, { ...refusal(codes, components), headers: headersOf(headers, components) }];
  });
  return { ...Object.fromEntries(stated), default: unexpected(components) };
}

/** What stands before every route that is not public may refuse too. */
function accessErrors(scope: Scope): readonly ErrorCode[] {
  return scope === 'public' ? [] : ['unauthorized', 'forbidden', 'rate_limited', 'dependency_unavailable'];
}

function refusal(codes: readonly ErrorCode[], components: Components): ResponseObject {
  const problem = jsonSchemaOf(problemSchema, 'output', components);
  const schema = { allOf: [problem], properties: { code: { enum: codes } } };
  const lines = codes.map((code) => `[\`${code}\`](/problems/${code}): ${errorCodes[code].title}.`);
  return { description: lines.join('\n\n'), content: { 'application/problem+json': { schema } } };
}

/** Refusals that pass by themselves. */
const waitable = new Set([409, 429, 503]);

/** When to come again. */
export const retryAfterHeader = z.string().regex(/^\d+$/).describe('Seconds after which to ask again.');

function unexpected(components: Components): ResponseObject {
  return {
    description: 'Something went wrong inside the service; the log has the cause under the request id.',
    content: { 'application/problem+json': { schema: jsonSchemaOf(problemSchema, 'output', components) } },
  };
}
