import { errorCodes } from '@musicgen/contract';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import request from 'supertest';
import type { Media, OpenApiDocument } from '../openapi/document.ts';
import { createTestApp, submit } from '../test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
});
afterAll(() => server.stop());

test('every schema of the document compiles and every example fits its schema', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const { body } = await request(context.app).get('/openapi.json');
  const { components, paths }: OpenApiDocument = body;
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  ajv.addSchema({ $id: 'document', components: absolute(components) });
  for (const { schema, example } of mediaOf(paths)) {
    const validate = ajv.compile(absolute(schema));
    if (example !== undefined && !validate(example)) throw new Error(ajv.errorsText(validate.errors));
  }
});

/** Everything that has a schema: bodies of requests and of answers. */
function mediaOf(value: unknown): Media[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = 'content' in value ? Object.values(value.content as Record<string, Media>) : [];
  return [...own, ...Object.values(value).flatMap(mediaOf)];
}

function absolute(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"document#/components'));
}

test('names of operations are unique', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const { body } = await request(context.app).get('/openapi.json');
  const names = Object.values<Record<string, { operationId: string }>>(body.paths).flatMap((operations) =>
    Object.values(operations).map(({ operationId }) => operationId),
  );
  expect(new Set(names).size).toBe(names.length);
});

test('the examples of the document work as they stand', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const { body } = await request(context.app).get('/openapi.json');
  const worked: string[] = [];
  for (const [path, operations] of Object.entries((body as OpenApiDocument).paths)) {
    for (const [method, { operationId, requestBody }] of Object.entries(operations)) {
      const example = requestBody?.content['application/json']?.example as object | undefined;
      if (example === undefined) continue;
      const task = await submit(context, { prompt: 'x' });
      const call = request(context.app)[method as 'post' | 'patch'](path.replace('{id}', task.body.id));
      const { status } = await call.send(example);
      if (status >= 200 && status < 300) worked.push(operationId);
      else worked.push(`${operationId} ${status}`);
    }
  }
  expect(worked.sort()).toEqual(['changeTask', 'createKey', 'generate', 'submitBatch']);
});

test('the page for reading consists of files of our own, which its policy is limited to', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const page = await request(context.app).get('/docs');
  expect(page.headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self';/);
  const files = [...page.text.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, url]) => url ?? '');
  expect(files).toEqual(['data:,', 'docs/swagger-ui.css', 'docs/swagger-ui-bundle.js', 'docs/start.js']);
  for (const file of files.slice(1)) {
    const response = await request(context.app).get(`/${file}`);
    expect([response.status, response.text.length > 0]).toEqual([200, true]);
  }
  expect((await request(context.app).get('/docs/package.json')).status).toBe(404);
});

test('every error code is explained, to people and to programs', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const list = await request(context.app).get('/problems');
  expect(list.body.map(({ code }: { code: string }) => code)).toEqual(Object.keys(errorCodes));
  const listPage = await request(context.app).get('/problems').set('Accept', 'text/html');
  for (const [code, { status, title }] of Object.entries(errorCodes)) {
    expect(listPage.text).toContain(`href="problems/${code}"`);
    const entry = await request(context.app).get(`/problems/${code}`);
    expect(entry.body).toMatchObject({ code, status, title });
    const page = await request(context.app).get(`/problems/${code}`).set('Accept', 'text/html,*/*;q=0.8');
    expect([page.type, page.text.includes(title.replaceAll('&', '&amp;'))]).toEqual(['text/html', true]);
  }
  expect((await request(context.app).get('/problems/none')).status).toBe(404);
});
