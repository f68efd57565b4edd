import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const usualPlaces = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** A Chromium of this machine: `CHROME_PATH`, or where it usually is. */
export const chromiumPath = [process.env.CHROME_PATH, ...usualPlaces].find(
  (path) => path !== undefined && existsSync(path),
);

export function launchChromium(): Promise<Browser> {
  if (chromiumPath === undefined) {
    throw new Error('There is no Chromium here: install it (apt-get install chromium) or set CHROME_PATH.');
  }
  return chromium.launch({
    executablePath: chromiumPath,
    // Its sandbox cannot be had by root, nor in most containers; it shows nothing but our own page.
    args: ['--no-sandbox'],
  });
}
