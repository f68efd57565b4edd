import { setTimeout as delay } from 'node:timers/promises';
import axe from 'axe-core';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';

/** A reader's browser at our page. */
export interface Visit {
  context: BrowserContext;
  page: Page;
  /** What went wrong out of sight: errors of scripts, and what the content security policy refused. */
  complaints: string[];
}

/** How long a sign may take on a machine that is busy with other tests; what never comes is named then. */
const patienceMs = 60_000;

/** Opens the page as someone who was never here. */
export async function visit(
  browser: Browser,
  url: string,
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const complaints: string[] = [];
  context.on('weberror', (error) => complaints.push(String(error.error())));
  context.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) complaints.push(message.text());
  });
  await context.addInitScript(rememberAudio);
  context.setDefaultTimeout(patienceMs);
  const page = await context.newPage();
  await page.goto(url);
  return { context, page, complaints };
}

/** Players are not in the document: what is played is kept where a test finds it. */
function rememberAudio(): void {
  const { play } = HTMLMediaElement.prototype;
  HTMLMediaElement.prototype.play = function () {
    Object.assign(globalThis, { playedLast: this, playedFrom: this.currentTime });
    return play.call(this);
  };
}

/** How the piece that was played last is being heard. */
export function heard(page: Page) {
  return page.evaluate(() => {
    const { playedLast: audio = new Audio(), playedFrom: from } = globalThis as {
      playedLast?: HTMLAudioElement;
      playedFrom?: number;
    };
    const { ended, currentTime, duration, error } = audio;
    const heardSeconds = Array.from(
      { length: audio.played.length },
      (_, index) => audio.played.end(index) - audio.played.start(index),
    );
    return {
      ended,
      from,
      currentTime,
      duration,
      error: error?.message,
      heard: heardSeconds.reduce((sum, seconds) => sum + seconds, 0),
      src: audio.currentSrc.split(':')[0],
    };
  });
}

/** What axe-core finds wrong for people with assistive technology, from `serious` up. */
export async function barriers(page: Page): Promise<string[]> {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  // Not a script element: the policy of the page allows none but its own.
  const isThere = await page.evaluate(() => 'axe' in globalThis);
  if (!isThere) await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: {
        run(options: object): Promise<{
          violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[];
        }>;
      };
    };
    return (await axe.run({ preload: false })).violations;
  });
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
    );
}

/** The card of the task with this prompt. */
export const cardOf = (page: Page, prompt: string): Locator =>
  page.getByRole('article', { name: prompt, exact: true }).first();

/** Waits until a look shows what is expected; fails with the last one. */
export async function eventually<Seen>(
  look: () => Promise<Seen>,
  isEnough: (seen: Seen) => boolean,
): Promise<Seen> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const seen = await look();
    if (isEnough(seen)) return seen;
    if (Date.now() > deadline) throw new Error(`Waited in vain; the last look: ${JSON.stringify(seen)}`);
    await delay(100);
  }
}
