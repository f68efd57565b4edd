import { createRequire } from 'node:module';
import { type ErrorCode, errorCodes, problemGuide, ServiceError } from '@musicgen/contract';
import type { Response } from 'express';
import { z } from 'zod';
import { type OpenApiDocument, openApiDocument } from '../openapi/document.ts';
import { anyQuery, type Route, type RouteSpec, route } from '../openapi/route.ts';
import { docsPage, docsScript, problemPage, problemsPage } from './docs-pages.ts';

const require = createRequire(import.meta.url);

/** What the page at `/docs` is made of: our own copy, so that no third party learns of its readers. */
const assets: Record<string, string> = {
  'swagger-ui.css': require.resolve('swagger-ui-dist/swagger-ui.css'),
  'swagger-ui-bundle.js': require.resolve('swagger-ui-dist/swagger-ui-bundle.js'),
};

/** Nothing from elsewhere; Swagger UI sets styles on its elements and draws icons from `data:` URLs. */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const page = {
  method: 'get',
  tag: 'Documentation',
  scope: 'public',
  query: anyQuery,
  errors: [],
} as const satisfies Partial<RouteSpec>;

/** The OpenAPI document of all routes, these among them, as JSON and as a page; and every problem explained. */
export function withDocs(routes: readonly Route[], options: { version: string }): Route[] {
  let document: OpenApiDocument | undefined;
  const documented = [...routes, ...documentRoutes(current), ...problemRoutes()];
  return documented;

  /** Made when someone asks for it: making it takes longer than everything else at start. */
  function current(): OpenApiDocument {
    document ??= openApiDocument(documented, options);
    return document;
  }
}

function documentRoutes(document: () => OpenApiDocument): Route[] {
  return [
    route({
      ...page,
      operationId: 'getOpenApi',
      path: '/openapi.json',
      summary: 'This API as an OpenAPI 3.1 document',
      responses: { 200: { description: 'The document.', body: z.looseObject({ openapi: z.string() }) } },
      handle: (_input, res) => void res.json(document()),
    }),
    route({
      ...page,
      operationId: 'getDocs',
      path: '/docs',
      summary: 'This API as a page to read and try out',
      responses: { 200: { description: 'The page.', contentType: 'text/html' } },
      handle: (_input, res) => sendPage(res, docsPage),
    }),
    route({
      ...page,
      operationId: 'getDocsFile',
      path: '/docs/{file}',
      summary: 'What the page is made of',
      params: z.object({
        file: z.enum(['start.js', ...Object.keys(assets)]).describe('The name of the file.'),
      }),
      responses: { 200: { description: 'The file.', contentType: ['text/javascript', 'text/css'] } },
      errors: ['not_found'],
      handle: ({ params }, res) => sendFile(res, params.file),
    }),
  ];
}

const problemEntry = z
  .object({ code: z.string(), status: z.int(), title: z.string(), cause: z.string(), remedy: z.string() })
  .meta({ id: 'ProblemGuide' });

function problemRoutes(): Route[] {
  return [
    route({
      ...page,
      operationId: 'listProblems',
      path: '/problems',
      summary: 'Every code an error may have',
      description: 'As JSON, or as a page where `Accept` prefers HTML.',
      responses: {
        200: {
          description: 'All of them.',
          body: z.array(problemEntry),
          contentType: ['application/json', 'text/html'],
        },
      },
      handle: (_input, res) => {
        const entries = codes.map(entryOf);
        if (prefersHtml(res)) sendPage(res, problemsPage(entries));
        else res.json(entries);
      },
    }),
    route({
      ...page,
      operationId: 'getProblem',
      path: '/problems/{code}',
      summary: 'What an error means and what to do',
      description: 'As JSON, or as a page where `Accept` prefers HTML.',
      params: z.object({ code: z.enum(codes).describe('The code of the problem.') }),
      responses: {
        200: {
          description: 'Its cause and remedy.',
          body: problemEntry,
          contentType: ['application/json', 'text/html'],
        },
      },
      errors: ['not_found'],
      handle: ({ params }, res) => {
        const entry = entryOf(params.code);
        if (prefersHtml(res)) sendPage(res, problemPage(entry));
        else res.json(entry);
      },
    }),
  ];
}

const codes = Object.keys(errorCodes) as ErrorCode[];

export type ProblemEntry = z.infer<typeof problemEntry>;

function entryOf(code: ErrorCode): ProblemEntry {
  const { status, title } = errorCodes[code];
  return { code, status, title, ...problemGuide[code] };
}

function prefersHtml(res: Response): boolean {
  res.vary('Accept');
  return res.req.accepts(['json', 'html']) === 'html';
}

function sendPage(res: Response, html: string): void {
  res.set('Content-Security-Policy', pagePolicy).type('html').send(html);
}

async function sendFile(res: Response, file: string): Promise<void> {
  res.set('Cache-Control', 'public, max-age=3600');
  const path = assets[file];
  if (path === undefined) return void res.type('js').send(docsScript);
  await new Promise<void>((resolve, reject) => {
    res.sendFile(path, { etag: true }, (error) => (error ? reject(unreadable(error)) : resolve()));
  });
}

function unreadable(cause: Error): ServiceError {
  return new ServiceError('internal', 'A file of the documentation cannot be read.', { cause });
}
