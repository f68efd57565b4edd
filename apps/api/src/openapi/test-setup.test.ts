import express, { type RequestHandler } from 'express';
import request from 'supertest';
import { z } from 'zod';
import { openApiDocument } from './document.ts';
import { route } from './route.ts';
import { checkAgainst } from './test-setup.ts';

// These routes are no part of the service, and no test of its own has to exercise them.
delete process.env.API_COVERAGE_FOLDER;

const documented = route({
  operationId: 'getThing',
  method: 'get',
  path: '/things/{id}',
  tag: 'Service',
  scope: 'public',
  summary: 'A thing',
  params: z.object({ id: z.string() }),
  responses: {
    200: {
      description: 'It.',
      body: z.object({ name: z.string(), parts: z.array(z.object({ size: z.number() })) }),
      headers: { 'X-Weight': z.string().describe('Of it.') },
    },
  },
  errors: ['not_found'],
  handle: () => {},
});

const thing = { name: 'a', parts: [{ size: 1 }] };

/** What the check of all tests says of an answer. */
async function violationsOf(answer: RequestHandler): Promise<string[]> {
  const { middleware, violations } = checkAgainst(() => openApiDocument([documented], { version: '0' }));
  await request(express().disable('x-powered-by').use(middleware, answer)).get('/things/1');
  return violations;
}

test('an answer as it is documented is none to complain about', async () => {
  expect(await violationsOf((_req, res) => void res.set('X-Weight', '1').json(thing))).toEqual([]);
});

test.each<[string, string, RequestHandler]>([
  ['a status', '418 is not documented', (_req, res) => void res.status(418).json(thing)],
  [
    'a header',
    'x-colour is not documented',
    (_req, res) => void res.set({ 'X-Weight': '1', 'X-Colour': 'red' }).json(thing),
  ],
  ['an absent header', 'X-Weight is documented and absent', (_req, res) => void res.json(thing)],
  [
    'a field',
    '"unevaluatedProperty":"age"',
    (_req, res) => void res.set('X-Weight', '1').json({ ...thing, age: 3 }),
  ],
  [
    'a field inside',
    '/parts/0 must NOT have unevaluated',
    (_req, res) => void res.set('X-Weight', '1').json({ name: 'a', parts: [{ size: 1, age: 3 }] }),
  ],
  [
    'an absent field',
    "must have required property 'name'",
    (_req, res) => void res.set('X-Weight', '1').json({ parts: [] }),
  ],
  [
    'a media type',
    'text/html is not documented',
    (_req, res) => void res.set('X-Weight', '1').type('html').send('<b>'),
  ],
])('%s that is not as documented is named', async (_what, named, answer) => {
  expect(await violationsOf(answer)).toContainEqual(expect.stringContaining(named));
});
