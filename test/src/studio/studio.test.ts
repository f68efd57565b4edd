import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createApiKey, hashApiKey } from '@musicgen/access';
import type { ServiceProcess } from '@musicgen/local/service-process';
import { freePort, type RedisServer, startRedisServer } from '@musicgen/redis-server';
import type { Browser, Page } from 'playwright-core';
import { createFleet, type Fleet, type RunningApi, root } from '../processes.ts';
import { chromiumPath, launchChromium } from './browser.ts';
import { buryOne } from './bury-one.ts';
import { takeScreenshots } from './screenshots.ts';
import { barriers, cardOf, eventually, heard, type Visit, visit } from './visit.ts';

// Where a page is read, there is a browser: in CI its absence is a failure, elsewhere these tests say that they did not run.
const hasBrowser = chromiumPath !== undefined || process.env.CI !== undefined;
if (!hasBrowser)
  console.warn('No Chromium was found, so the page is not tested: install it, or set CHROME_PATH.');

jest.setTimeout(240_000);

const usual = { MODEL_PATH: join(root, 'models/musicgen-micro') };
/** One attempt, so that the first failure makes a dead letter. */
const oneAttempt = { TASK_MAX_RETRIES: '0' };

test('the page with everything that it may load weighs at most 150 kB', async () => {
  const folder = join(root, 'apps/studio/dist/page');
  const names = await readdir(folder, { recursive: true });
  // What is packed comes packed; fonts are packed by themselves.
  const sent = names.filter(
    (name) => !names.includes(`${name}.gz`) && /\.(html|gz|woff2|svg|webmanifest)$|sw\.js$/.test(name),
  );
  const sizes = await Promise.all(sent.map(async (name) => (await stat(join(folder, name))).size));
  expect(sent.length).toBeGreaterThanOrEqual(7);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(150_000);
});

(hasBrowser ? describe : describe.skip)('the page', () => {
  let redis: RedisServer;
  let fleet: Fleet;
  let api: RunningApi;
  /** With a port that nobody else is given while it restarts. */
  let apiSettings: Record<string, string>;
  let browser: Browser;
  let worker: ServiceProcess;
  let reader: Visit;
  let page: Page;
  /** Downloaded files, by their endings. */
  const kept: Record<string, Buffer<ArrayBuffer>> = {};

  beforeAll(async () => {
    redis = await startRedisServer();
    fleet = await createFleet(redis.url);
    apiSettings = { ...oneAttempt, API_PORT: String(await freePort()) };
    [api, browser] = await Promise.all([fleet.startApi(apiSettings), launchChromium()]);
    worker = fleet.startWorker(usual);
    await Promise.all([api.process.untilLogged('ready'), worker.untilLogged('ready')]);
    reader = await visit(browser, api.url);
    page = reader.page;
  });
  afterAll(async () => {
    await browser?.close();
    await fleet?.stop();
    await redis?.stop();
  });

  const open = (view: string) => page.goto(`${api.url}/#/${view}`);

  async function make(prompt: string, seconds: number): Promise<void> {
    await open('create');
    await page.getByLabel('Prompt').fill(prompt);
    await setLength(page, seconds);
    await page.getByRole('button', { name: /^Make/ }).click();
    await cardOf(page, prompt).waitFor();
  }

  test('shows what it is for within a second, and says when a piece would be ready', async () => {
    const times: number[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await page.reload();
      await page.getByRole('heading', { name: 'What should it sound like?' }).waitFor();
      times.push(await firstPaint(page));
    }
    expect(Math.min(...times)).toBeLessThan(1000);
    await page.getByText(/^Ready in about \d+ (s|min)/).waitFor();
    expect(await barriers(page)).toEqual([]);
  });

  test('a piece is asked for, heard to its end, and sought by keyboard', async () => {
    await make(lofi, 3);
    const take = cardOf(page, lofi);
    await take.getByRole('button', { name: /^Play/ }).click();
    const end = await eventually(
      () => heard(page),
      ({ ended }) => ended,
    );
    expect(end).toMatchObject({ src: 'http', duration: 3, currentTime: 3 });
    expect(end.heard).toBeCloseTo(3, 1);
    const slider = take.getByRole('slider');
    await slider.press('Home');
    await slider.press('ArrowRight');
    await eventually(
      () => slider.getAttribute('aria-valuetext'),
      (place) => place === '0:01 of 3 s',
    );
  });

  test('it is kept in every format', async () => {
    await open('library');
    const take = cardOf(page, lofi);
    for (const [name, ending, magic] of formats) {
      await take.getByText('Download', { exact: true }).click();
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        take.getByRole('button', { name }).click(),
      ]);
      expect(download.suggestedFilename()).toMatch(new RegExp(`^${fileName}-[0-9a-f]{6}\\.${ending}$`));
      const file = Buffer.from(await readFile(await download.path()));
      kept[ending] = file;
      expect([ending, file.subarray(0, magic.length).toString('latin1')]).toEqual([ending, magic]);
    }
    await take.getByRole('button', { name: 'Spectrogram' }).click();
    const picture = take.getByRole('img', { name: /^Spectrogram/ });
    await eventually(
      () => picture.evaluate((image: HTMLImageElement) => image.naturalWidth),
      (width) => width > 0,
    );
    expect(await barriers(page)).toEqual([]);
  });

  test('two takes are compared at the same place', async () => {
    await page.getByRole('button', { name: 'Same seed, new prompt' }).click();
    await page.getByLabel('Prompt').fill(jazz);
    await page.getByRole('button', { name: 'Make music' }).click();
    await cardOf(page, jazz).getByRole('button', { name: /^Play/ }).waitFor();
    await open('library');
    await cardOf(page, lofi).getByRole('button', { name: 'Compare' }).click();
    await cardOf(page, jazz).getByRole('button', { name: 'Compare with the chosen' }).click();
    // Nothing of the library, where every take has a button to play it.
    await page.getByRole('button', { name: 'Play', exact: true }).click();
    await eventually(
      () => heard(page),
      ({ currentTime }) => currentTime > 0,
    );
    await page.keyboard.press('b');
    const end = await eventually(
      () => heard(page),
      ({ ended }) => ended,
    );
    expect(await page.getByRole('radio', { name: 'B' }).isChecked()).toBe(true);
    // It began where the other was.
    expect(end.from).toBeGreaterThan(0);
    // The same seed, so that only the words differ.
    expect(await page.getByRole('table').getByRole('rowheader').allTextContents()).toEqual(['Prompt']);
    expect(await barriers(page)).toEqual([]);
  });

  test('variations follow the seed that was set, share links, and go for good one by one', async () => {
    await open('create');
    await page.getByLabel('Seed', { exact: true }).fill('41');
    await page.getByRole('button', { name: 'More variations' }).click();
    await make(twins, 1);
    await page.getByRole('button', { name: 'Fewer variations' }).click();
    await open('library');
    const takes = page.getByRole('article', { name: twins, exact: true });
    const factsShown = () => takes.getByText(/seed\s4[12]\b/).allInnerTexts();
    await eventually(factsShown, ({ length }) => length === 2);
    expect((await factsShown()).map((facts) => /seed.(\d+)/.exec(facts)?.[1]).sort()).toEqual(['41', '42']);

    const second = takes.filter({ hasText: 'seed 42' });
    await reader.context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await second.getByText('Share', { exact: true }).click();
    await second.getByRole('button', { name: 'Copy the link' }).click();
    await page.getByText('The link is copied.').waitFor();
    const link = await page.evaluate(() => navigator.clipboard.readText());
    expect(link).toBe(
      await second.getByRole('link', { name: twins }).evaluate((a: HTMLAnchorElement) => a.href),
    );

    await second.getByRole('button', { name: 'Remove' }).click();
    await second.getByRole('button', { name: 'Remove it for good?' }).click();
    await second.waitFor({ state: 'detached' });
    await page.reload();
    await takes.filter({ hasText: 'seed 41' }).waitFor();
    expect(await takes.count()).toBe(1);
    const id = new URL(link).hash.split('/').at(-1) ?? '';
    await expect(api.client.getTask(id)).rejects.toMatchObject({ code: 'gone' });
  });

  test('what is being made is seen in every tab and after a reload, and outlives a restart of the API', async () => {
    await make(drone, 300);
    await open('now');
    const card = cardOf(page, drone);
    const ring = card.getByRole('progressbar');
    const percentOf = async () => Number((await ring.getAttribute('aria-valuenow')) ?? 0);
    await eventually(percentOf, (percent) => percent > 0);
    await card.getByRole('button', { name: 'Listen' }).click();
    const bar = page.getByRole('region', { name: 'Listening while it is made' });
    await bar.getByText(/^(0:0[1-9]|0:[1-5]\d|[1-9]\d*:\d\d)$/).waitFor();
    await bar.getByRole('button', { name: 'Stop' }).click();
    await bar.waitFor({ state: 'detached' });
    await page.reload();
    await eventually(percentOf, (percent) => percent > 0);
    expect(await barriers(page)).toEqual([]);

    await api.process.stop();
    await page.getByText('The service does not answer.').waitFor();
    const before = await percentOf();
    await page.reload();
    await page.getByText('The service does not answer.').waitFor();
    api = await fleet.startApi(apiSettings);
    await eventually(percentOf, (percent) => percent > before);
    await page.getByText('The service does not answer.').waitFor({ state: 'detached' });

    const second = await reader.context.newPage();
    await second.goto(`${api.url}/#/now`);
    await cardOf(second, drone).getByRole('button', { name: 'Cancel' }).click();
    await card.getByText('Cancelled.').waitFor();
    await second.close();
  });

  test('nothing that is typed is lost, and what cannot be made is said', async () => {
    await open('create');
    const prompt = page.getByLabel('Prompt');
    await prompt.fill('x'.repeat(10_000));
    await page.getByText('The prompt may have 2,000 characters; shorten it by 8,000.').waitFor();
    await page.getByRole('button', { name: /^Make/ }).click();
    await page.reload();
    expect(await prompt.inputValue()).toHaveLength(10_000);
    await prompt.fill('');
    await page.getByRole('button', { name: /^Make/ }).click();
    await page.getByText('Describe the music first, or choose an example.').waitFor();

    await make(manyScripts, 1);
    await cardOf(page, manyScripts).getByRole('button', { name: /^Play/ }).waitFor();
    await open('library/01a21e8e-f3ef-705c-ae08-f2ad5d68aa93');
    await page.getByText('This take is not here any more.').waitFor();
  });

  test('a file says what it was made from, and one that is no music is refused in words', async () => {
    await open('create');
    await page.getByText('From a file').click();
    const choose = (name: string, mimeType: string, buffer = Buffer.from('no music')) =>
      page.locator('input[type=file]').setInputFiles({ name, mimeType, buffer });
    await choose('take.flac', 'audio/flac', kept.flac);
    await page.getByText(`says that it was made from “${lofi}”`).waitFor();
    await page.getByRole('button', { name: 'Use its prompt and seed' }).click();
    expect(await page.getByLabel('Prompt').inputValue()).toBe(lofi);
    await choose('list.txt', 'text/plain');
    await page
      .getByRole('alert')
      .getByText(/Choose a/)
      .waitFor();
    await choose('broken.wav', 'audio/wav');
    await page
      .getByRole('alert')
      .getByText(/Choose a whole/)
      .waitFor();
    expect(await page.getByLabel('Prompt').inputValue()).toBe(lofi);
  });

  test('operators drain, pause, requeue and resume, and see it in words', async () => {
    await open('operate');
    await page.getByRole('button', { name: 'Drain' }).click();
    await page.getByRole('button', { name: 'Let it finish and exit?' }).click();
    await page.getByRole('button', { name: 'Pause the queue Normal' }).click();
    await page.getByRole('button', { name: 'Resume the queue Normal' }).waitFor();
    await make(ballad, 1);
    await cardOf(page, ballad).getByText('Next in line').waitFor();

    expect((await worker.ended).code).toBe(0);
    await open('operate');
    await page.getByText('No worker is alive.').waitFor();
    const submission = { prompt: buried, duration: 1, priority: 'HIGH' } as const;
    await buryOne(redis.url, await api.client.generate(submission));
    worker = fleet.startWorker(usual);
    await page.getByText('The music could not be generated: Not a number.').waitFor();
    await eventually(
      () => page.locator('.plot canvas').count(),
      (charts) => charts >= 2,
    );
    expect(await barriers(page)).toEqual([]);
    await page.getByRole('button', { name: 'Requeue' }).click();
    await page.getByText('None: no task has used up its attempts.').waitFor();
    await page.getByRole('button', { name: 'Resume the queue Normal' }).click();
    await page.getByRole('button', { name: 'Pause the queue Normal' }).waitFor();
    await open('library');
    for (const prompt of [ballad, buried]) await cardOf(page, prompt).waitFor();
  });

  test('with keys, the page asks for one, sends it for sound and pictures too, and forgets what is only for a tab', async () => {
    const keys = { reader: createApiKey(), chief: createApiKey() };
    const entry = (name: keyof typeof keys, scope: string) =>
      `${name}:${scope}:${hashApiKey(keys[name]).toString('hex')}`;
    const locked = await fleet.startApi({
      API_KEYS: `${entry('reader', 'generate')} ${entry('chief', 'admin')}`,
      QUEUE_MAX_LENGTH: '1',
    });
    await locked.process.untilLogged('ready');
    const { page: other, complaints } = await visit(browser, locked.url, { colorScheme: 'dark' });
    await other.getByText('This service asks for an API key.').waitFor();
    expect(await barriers(other)).toEqual([]);
    const enter = async (key: string) => {
      await other
        .getByRole('button', { name: /API key|Enter a key/ })
        .first()
        .click();
      await other.getByLabel('Key', { exact: true }).fill(key);
      await other.getByRole('button', { name: 'Use this key' }).click();
    };
    await enter('mgk_wrong');
    await other.getByText('The service does not know this API key.').waitFor();
    await enter(keys.reader);
    await other.getByLabel('Prompt').fill(lofi);
    await setLength(other, 1);
    await other.getByRole('button', { name: 'Make music' }).click();
    await cardOf(other, lofi).getByRole('button', { name: /^Play/ }).click();
    expect(
      await eventually(
        () => heard(other),
        ({ ended }) => ended,
      ),
    ).toMatchObject({ src: 'blob' });

    // Of somebody else, and being made: only who operates may read what it is.
    const { id: foreign } = await api.client.generate({ prompt: drone, duration: 300, priority: 'HIGH' });
    await other.goto(`${locked.url}/#/operate`);
    await other.getByText('Operating takes a key with the scope “admin”').waitFor();
    await other.getByLabel("Operator's key").fill(keys.chief);
    await other.getByRole('button', { name: 'Use this key' }).click();
    await other
      .getByRole('row', { name: drone })
      .getByText(/^\d+ (s|min)( \d+ s)? left$/)
      .waitFor();
    await api.client.cancelTask(foreign);
    await other.getByRole('button', { name: 'Pause the queue Normal' }).click();
    await other.getByRole('button', { name: 'Resume the queue Normal' }).waitFor();
    expect(await barriers(other)).toEqual([]);

    await other.goto(`${locked.url}/#/create`);
    await other.getByRole('button', { name: 'Make music' }).click();
    await cardOf(other, lofi).getByText('Next in line').waitFor();
    await other.getByLabel('Prompt').fill(jazz);
    await other.getByRole('button', { name: 'Make music' }).click();
    await other
      .getByRole('alert')
      .getByText(/Your text is still here/)
      .waitFor();
    expect(await other.getByLabel('Prompt').inputValue()).toBe(jazz);
    expect(complaints).toEqual([]);
    await other.context().close();
    await api.client.resumeQueue('NORMAL');
  });

  if (process.env.STUDIO_SCREENSHOTS !== undefined) {
    test(
      'screenshots of every view from real data',
      () =>
        takeScreenshots({
          browser,
          api,
          redisUrl: redis.url,
          worker,
          startWorker: () => fleet.startWorker(usual),
        }),
      600_000,
    );
  }

  test('the policy of the page refused nothing that the page does, and no script failed', () => {
    expect(reader.complaints).toEqual([]);
  });
});

const lofi = 'calm lofi with soft piano';
const fileName = lofi.replaceAll(' ', '-');
const jazz = 'smooth jazz with tenor sax';
const twins = 'two dances for flute';
const drone = 'slow ambient drone';
const ballad = 'tender piano ballad';
const buried = 'a piece that fails once';
const manyScripts = '🎹🎶 موسيقى هادئة مع بيانو';

const formats = [
  ['WAV', 'wav', 'RIFF'],
  ['FLAC', 'flac', 'fLaC'],
  ['MP3', 'mp3', 'ID3'],
  ['Ogg', 'ogg', 'OggS'],
] as const;

async function setLength(page: Page, seconds: number): Promise<void> {
  const slider = page.getByLabel('Length');
  if (seconds <= 30) return slider.fill(String(stopsUpTo30.indexOf(seconds)));
  // Whatever is longer here may be as long as can be, which the page has to learn first.
  const last = await eventually(
    () => slider.getAttribute('max'),
    (max) => Number(max) >= stopsUpTo30.length,
  );
  await slider.fill(last ?? '');
}

/** The first stops of the slider. */
const stopsUpTo30 = Array.from({ length: 30 }, (_, index) => index + 1);

/** Milliseconds; what is in the document already may not have been painted yet. */
function firstPaint(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const observer = new PerformanceObserver((list) => {
          const [paint] = list.getEntriesByName('first-contentful-paint');
          if (paint) resolve(paint.startTime);
        });
        observer.observe({ type: 'paint', buffered: true });
      }),
  );
}
