import express, { type RequestHandler } from 'express';
import request from 'supertest';
import { inOrder } from './in-order.ts';

const noting =
  (name: string): RequestHandler =>
  (_req, res, next) => {
    res.locals.seen = [...(res.locals.seen ?? []), name];
    next();
  };
const later: RequestHandler = (_req, _res, next) => void setImmediate(next);

function appWith(...handlers: RequestHandler[]) {
  const app = express();
  app.use(inOrder(...handlers), (_req, res) => void res.json(res.locals.seen));
  const handleError: express.ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(500).json({ seen: res.locals.seen, error: error.message });
  };
  return app.use(handleError);
}

test('handlers run one after the other, then what stands behind them', async () => {
  const { body } = await request(appWith(noting('a'), later, noting('b'))).get('/');
  expect(body).toEqual(['a', 'b']);
});

const failing: [string, RequestHandler][] = [
  [
    'throws',
    () => {
      throw new Error('no');
    },
  ],
  [
    'rejects',
    async () => {
      throw new Error('no');
    },
  ],
  ['passes an error on', (_req, _res, next) => next(new Error('no'))],
];

test.each(failing)('a handler that %s ends them, at once or later', async (_how, fail) => {
  for (const handlers of [
    [noting('a'), fail],
    [noting('a'), later, fail],
  ]) {
    const { status, body } = await request(appWith(...handlers, noting('b'))).get('/');
    expect([status, body]).toEqual([500, { seen: ['a'], error: 'no' }]);
  }
});

test('a handler that answers ends them', async () => {
  const answer: RequestHandler = (_req, res) => void res.status(204).end();
  expect((await request(appWith(answer, noting('b'))).get('/')).status).toBe(204);
});
