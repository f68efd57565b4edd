import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceProcess } from '@musicgen/local/service-process';
import type { Browser, Page } from 'playwright-core';
import { type RunningApi, root } from '../processes.ts';
import { buryOne } from './bury-one.ts';
import { eventually, visit } from './visit.ts';

const folder = join(root, 'docs/screenshots');
const mostBytes = 200_000;

const pieces = [
  { prompt: 'slow ambient pads with distant bells', duration: 30, seed: 11 },
  { prompt: 'driving techno with acid bass, 128 bpm', duration: 20, seed: 42 },
  { prompt: 'smooth jazz with walking upright bass and tenor sax, 110 bpm', duration: 15, seed: 1 },
  { prompt: 'calm lofi with soft piano and dusty drums, 80 bpm', duration: 10, seed: 7 },
];

interface Scene {
  browser: Browser;
  api: RunningApi;
  redisUrl: string;
  worker: ServiceProcess;
  startWorker(): ServiceProcess;
}

/** What the documentation shows, from pieces that were really made. */
export async function takeScreenshots({ browser, api, redisUrl, worker, startWorker }: Scene): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { client } = api;
  for await (const { id } of client.eachTask()) await client.deleteTask(id);
  const done = [];
  for (const piece of pieces) done.push(await client.run(piece));
  const [, , jazz, lofi] = done.map(({ id }) => id);

  await view('library-light', 'library', {}, (page) => play(page, 0, 3000));
  await view('library-narrow-dark', 'library', { colorScheme: 'dark', viewport: narrow }, (page) =>
    play(page, 0, 1500),
  );
  await view('take-dark', `library/${lofi}`, { colorScheme: 'dark', viewport: small }, (page) =>
    play(page, 0, 4000),
  );
  await view('compare-light', `library/${jazz}/${lofi}`, {}, async (page) => {
    await page.getByRole('button', { name: 'Play' }).click();
    await page.waitForTimeout(2500);
  });

  await worker.stop();
  await buryOne(redisUrl, await client.generate({ prompt: 'a choir of whales, 300 bpm', duration: 5 }));
  startWorker();
  await client.generate({ prompt: 'upbeat funk with slap bass and brass, 105 bpm', duration: 60 });
  await client.generate({ prompt: 'tender solo piano ballad in E flat major', duration: 30 });
  await client.generate({ prompt: 'epic orchestra with timpani', duration: 45, priority: 'LOW' });
  const write = async (page: Page) => {
    await page.getByLabel('Prompt').fill('warm synthwave with a slow arpeggio, 90 bpm');
    await page.getByText(/^Ready in about/).waitFor();
    await running(page);
  };
  await view('create-dark', 'create', { colorScheme: 'dark' }, write);
  await view('create-narrow-light', 'create', { viewport: narrow }, write);
  await view('now-light', 'now', {}, running);

  await client.submitBatch(
    Array.from({ length: 24 }, (_, index) => ({
      prompt: `a study for piano, number ${index + 1}`,
      duration: 2 + (index % 4),
      priority: (['NORMAL', 'HIGH', 'LOW'] as const)[index % 3],
    })),
  );
  const operate = async (page: Page) => {
    await page.waitForTimeout(30_000);
    await page.getByRole('button', { name: 'Pause the queue Low' }).click();
    await page.getByRole('button', { name: 'Resume the queue Low' }).waitFor();
  };
  await view(
    'operate-dark',
    'operate',
    { colorScheme: 'dark', viewport: { width: 1600, height: 1240 } },
    operate,
  );
  await view('operate-narrow-light', 'operate', { viewport: narrow });

  async function view(
    name: string,
    place: string,
    options: Parameters<Browser['newContext']>[0],
    prepare: (page: Page) => Promise<void> = (page) => page.waitForTimeout(1500),
  ): Promise<void> {
    const { context, page } = await visit(browser, `${api.url}/#/${place}`, options);
    await page.evaluate(() => document.fonts.ready);
    await prepare(page);
    const path = join(folder, `${name}.png`);
    await page.screenshot({ path });
    await context.close();
    const { size } = await stat(path);
    if (size > mostBytes) throw new Error(`${name}.png has ${size} bytes; at most ${mostBytes} may be.`);
  }
}

const narrow = { width: 360, height: 780 };
/** A spectrogram is as large as a photograph. */
const small = { width: 660, height: 780 };

async function play(page: Page, index: number, ms: number): Promise<void> {
  await page.getByRole('button', { name: /^Play/ }).nth(index).click();
  await delay(ms);
}

/** Until a ring shows something. */
async function running(page: Page): Promise<void> {
  await eventually(
    () => page.getByRole('progressbar').first().getAttribute('aria-valuenow'),
    (percent) => Number(percent ?? 0) >= 10,
  );
}
