import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import type { Browser } from 'playwright-core';
import { modelWithEncoder, recording } from '../foreign-audio.ts';
import { createFleet, type Fleet } from '../processes.ts';
import { chromiumPath, launchChromium } from './browser.ts';
import { cardOf, visit } from './visit.ts';

jest.setTimeout(180_000);

let redis: RedisServer;
let fleet: Fleet;
let browser: Browser | undefined;
beforeAll(async () => {
  redis = await startRedisServer();
  fleet = await createFleet(redis.url);
});
afterAll(async () => {
  await browser?.close();
  await fleet.stop();
  await redis.stop();
});

const hasBrowser = chromiumPath !== undefined || process.env.CI !== undefined;

(hasBrowser ? test : test.skip)('a piece goes on from a recording that was dropped on the page', async () => {
  const model = await modelWithEncoder(fleet.folder);
  const [api, worker] = [await fleet.startApi(), fleet.startWorker({ MODEL_PATH: model })];
  await Promise.all([api.process, worker].map((process) => process.untilLogged('ready')));
  browser = await launchChromium();
  const { page, complaints } = await visit(browser, api.url);

  await page.getByText('From a file').click();
  const file = { name: 'whistled.wav', mimeType: 'audio/wav', buffer: recording(2) };
  await page.locator('input[type=file]').setInputFiles(file);
  await page.getByText('says nothing about what it was made from.').waitFor();
  await page.getByRole('button', { name: 'Go on from it' }).click();
  await page.getByLabel('Prompt').fill('a whistled tune');
  await page.getByLabel('Length').fill('0');
  await page.getByRole('button', { name: /^Make/ }).click();
  await cardOf(page, 'a whistled tune').getByRole('button', { name: /^Play/ }).waitFor();

  const { tasks } = await api.client.listTasks();
  expect(tasks).toMatchObject([
    {
      request: { duration: 1, continue_from: { upload_id: expect.any(String) } },
      result: { duration: 3 },
    },
  ]);
  expect(complaints).toEqual([]);
});
