import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { Redis } from 'ioredis';

/**
 * The least that can be called a task API, to measure ours against: Express, its JSON parser and one Redis command for
 * each request. Started by `servers.ts` with `REDIS_URL`; says its port over IPC.
 */
const redis = new Redis(process.env.REDIS_URL ?? '');
const app = express();

app.post('/api/v1/generate', express.json(), async (req, res) => {
  const id = randomUUID();
  await redis.hset(`bare:${id}`, { status: 'pending', request: JSON.stringify(req.body), at: Date.now() });
  res.status(202).json({ id, status: 'pending', request: req.body });
});

app.get('/api/v1/tasks/:id', async (req, res) => {
  const { status, request = '{}', at } = await redis.hgetall(`bare:${req.params.id}`);
  res.json({ id: req.params.id, status, request: JSON.parse(request), at: Number(at) });
});

app.get('/metrics', (_req, res) => {
  const { user, system } = process.cpuUsage();
  res.type('text/plain').send(`process_cpu_seconds_total ${(user + system) / 1e6}\n`);
});

const server = app.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.on('disconnect', () => process.exit());
