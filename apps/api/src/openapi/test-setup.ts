import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { RequestHandler, Response } from 'express';
import type { OpenApiDocument, Operation, ResponseObject } from './document.ts';
import type { JsonSchema } from './json-schema.ts';

/** What every answer may have beside the headers that its operation documents. */
const commonHeaders = new Set(
  `access-control-allow-origin access-control-expose-headers allow cache-control connection content-length
  content-security-policy content-type cross-origin-opener-policy cross-origin-resource-policy date etag
  keep-alive last-modified origin-agent-cluster pragma ratelimit ratelimit-policy referrer-policy
  strict-transport-security traceparent transfer-encoding vary x-accel-buffering x-content-type-options
  x-dns-prefetch-control x-download-options x-frame-options x-permitted-cross-domain-policies x-request-id
  x-xss-protection accept-ranges`.split(/\s+/),
);

/**
 * Stands before an app in tests and holds every one of its answers against the document: the status, the media type, every
 * header and every field must be documented, and what is documented as always there must be there. What was exercised
 * is written down for the check at the end of a whole run (`jest.api-coverage.js`).
 */
export function checkAgainst(document: () => OpenApiDocument) {
  const violations: string[] = [];
  checker ??= createChecker(document());
  const check = checker;

  const middleware: RequestHandler = (req, res, next) => {
    const body = collectBody(res);
    const [path = ''] = req.originalUrl.split('?');
    res.once('finish', () => {
      const answer = { method: req.method, path, status: res.statusCode, res, body: body() };
      violations.push(...check(answer));
    });
    next();
  };
  return { middleware, violations };
}

/** One for all apps of a test file: they have the same routes, and making it takes long. */
let checker: ReturnType<typeof createChecker> | undefined;

interface Answer {
  method: string;
  path: string;
  status: number;
  res: Response;
  body: Buffer;
}

/** `GET /api/v1/tasks/{id} 200`, for all that the document promises. */
function documentedAnswers({ paths }: OpenApiDocument): string[] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { responses }]) =>
      Object.keys(responses)
        .filter((status) => status !== 'default')
        .map((status) => `${method.toUpperCase()} ${path} ${status}`),
    ),
  );
}

function createChecker(document: OpenApiDocument) {
  const operationFor = createFinder(document);
  const validator = createValidator(document);
  record({ documented: documentedAnswers(document) });

  return function check({ method, path, status, res, body }: Answer): string[] {
    const { operation, where } = operationFor(method, path);
    if (isNowhere(operation, status)) return [];
    const response = operation && responseFor(operation, status);
    if (response === undefined) return [`${where} ${status} is not documented`];
    record({ exercised: `${where} ${status}` });
    return [
      ...headerViolations(res, response),
      ...(method === 'HEAD' ? [] : bodyViolations({ res, body, response, validator })),
    ].map((violation) => `${where} ${status}: ${violation}`);
  };
}

/** A path or a method that does not exist is answered and not documented. */
function isNowhere(operation: Operation | undefined, status: number): boolean {
  return status === 405 || (status === 404 && operation === undefined);
}

function responseFor({ responses }: Operation, status: number): ResponseObject | undefined {
  return responses[status] ?? (status === 500 ? responses.default : undefined);
}

/** The operation that a request meant; a path with fewer parameters goes before one with more. */
function createFinder({ paths }: OpenApiDocument) {
  const parameters = (path: string) => path.split('{').length;
  const templates = Object.entries(paths)
    .map(([path, operations]) => ({ path, operations, pattern: patternOf(path) }))
    .sort((one, other) => parameters(one.path) - parameters(other.path));

  return (method: string, path: string) => {
    const found = canDecode(path) ? templates.find(({ pattern }) => pattern.test(path)) : undefined;
    const { [method.toLowerCase()]: own, get } = found?.operations ?? {};
    const isBareGet = method === 'HEAD' && own === undefined;
    return {
      operation: isBareGet ? get : own,
      where: `${isBareGet ? 'GET' : method} ${found?.path ?? path}`,
    };
  };
}

/** Express finds nothing at a path whose percent-encoding is broken. */
function canDecode(path: string): boolean {
  try {
    return decodeURIComponent(path) !== '';
  } catch {
    return false;
  }
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}/?$`, 'i');
}

function headerViolations(res: Response, { headers = {} }: ResponseObject): string[] {
  const documented = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const missing = Object.entries(headers)
    .filter(([name, { required }]) => required && !res.hasHeader(name))
    .map(([name]) => `the header ${name} is documented and absent`);
  const unknown = res
    .getHeaderNames()
    .filter((name) => !documented.has(name) && !commonHeaders.has(name))
    .map((name) => `the header ${name} is not documented`);
  return [...missing, ...unknown];
}

interface BodyCheck {
  res: Response;
  body: Buffer;
  response: ResponseObject;
  validator: Validator;
}

function bodyViolations({ res, body, response, validator }: BodyCheck): string[] {
  const { content } = response;
  if (content === undefined) return body.length === 0 ? [] : ['it has a body, and none is documented'];
  const [type = ''] = String(res.get('Content-Type') ?? '').split(';');
  const media = content[type];
  if (media === undefined) return [`the media type ${type} is not documented`];
  if (!/[/+]json$/.test(type)) return [];
  const validate = validator(media.schema);
  if (validate(JSON.parse(body.toString()))) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}

type Validator = (schema: JsonSchema) => ValidateFunction;

function createValidator({ components }: OpenApiDocument): Validator {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema({ $id: 'document', components: closed(components) });
  const compiled = new Map<JsonSchema, ValidateFunction>();
  return (schema) => {
    const validate = compiled.get(schema) ?? ajv.compile(closed(schema));
    compiled.set(schema, validate);
    return validate;
  };
}

/** The document leaves room for fields to come; what is sent today must be in it today. */
function closed(schema: object): JsonSchema {
  return JSON.parse(JSON.stringify(schema), (key, value) => {
    if (key === '$ref') return String(value).replace('#/', 'document#/');
    const isOpenObject = value?.properties !== undefined && value.additionalProperties === undefined;
    return isOpenObject && key !== 'properties' ? { ...value, unevaluatedProperties: false } : value;
  });
}

/** What is sent, as it is sent; the streams of events and audio may be long and are not read. */
function collectBody(res: Response): () => Buffer {
  const parts: Buffer[] = [];
  const { write, end } = res;
  const keep = (chunk: unknown) => {
    const isJson = String(res.get('Content-Type') ?? 'json').includes('json');
    if (isJson && (typeof chunk === 'string' || chunk instanceof Uint8Array)) parts.push(Buffer.from(chunk));
  };
  res.write = ((chunk: unknown, ...rest: never[]) => {
    keep(chunk);
    return Reflect.apply(write, res, [chunk, ...rest]);
  }) as typeof write;
  res.end = ((chunk: unknown, ...rest: never[]) => {
    keep(chunk);
    return Reflect.apply(end, res, [chunk, ...rest]);
  }) as typeof end;
  return () => Buffer.concat(parts);
}

function record(line: { documented: string[] } | { exercised: string }): void {
  const folder = process.env.API_COVERAGE_FOLDER;
  if (folder === undefined) return;
  appendFileSync(join(folder, `${process.pid}.jsonl`), `${JSON.stringify(line)}\n`);
}
