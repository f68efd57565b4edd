import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import request from 'supertest';
import { studio } from './studio.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'musicgen-studio-'));
  await mkdir(join(folder, 'assets'));
  await writeFile(join(folder, 'index.html'), '<meta name="style-nonce" content="STYLE_NONCE">');
  await writeFile(join(folder, 'sw.js'), 'self;');
  await writeFile(join(folder, 'assets', 'index-abc.js'), 'plain');
  await writeFile(join(folder, 'assets', 'index-abc.js.br'), 'packed');
});
afterAll(() => rm(folder, { recursive: true }));

const app = () => express().use(studio(folder));

test('the page allows nothing from elsewhere, no script of its own, and one new nonce for styles', async () => {
  const [first, second] = [await request(app()).get('/'), await request(app()).get('/')];
  const policy = first.get('Content-Security-Policy') ?? '';
  const nonce = /style-src 'self' 'nonce-([\w-]{22})'/.exec(policy)?.[1];
  expect(first.text).toBe(`<meta name="style-nonce" content="${nonce}">`);
  expect(second.text).not.toBe(first.text);
  expect(policy).toContain("default-src 'none'; script-src 'self';");
  expect(policy).not.toMatch(/unsafe|https?:|\*/);
  expect(first.get('Cache-Control')).toBe('no-cache');
});

test('what is named by its content is kept for good, and comes as it was packed', async () => {
  const answer = await request(app()).head('/assets/index-abc.js').set('Accept-Encoding', 'br');
  expect(answer.get('Content-Encoding')).toBe('br');
  expect(answer.get('Content-Type')).toBe('text/javascript');
  expect(answer.get('Cache-Control')).toBe('public,max-age=31536000,immutable');
  expect(answer.get('Vary')).toBe('Accept-Encoding');
});

test('the service worker is asked for anew each time, and may fetch from the service alone', async () => {
  const answer = await request(app()).get('/sw.js');
  expect(answer.get('Content-Security-Policy')).toBe("default-src 'none'; connect-src 'self'");
  expect(answer.get('Cache-Control')).toBe('no-cache');
  const again = await request(app())
    .get('/sw.js')
    .set('If-None-Match', answer.get('ETag') ?? '');
  expect(again.status).toBe(304);
});

test('nothing else of the folder, and nothing outside of it, is served', async () => {
  await writeFile(join(folder, 'secret.txt'), 'x');
  for (const path of [
    '/secret.txt',
    '/index.html',
    '/assets/none.js',
    '/assets/../secret.txt',
    '/assets/%2e%2e/secret.txt',
  ]) {
    expect([path, (await request(app()).get(path)).status]).toEqual([path, 404]);
  }
  expect((await request(app()).post('/')).status).toBe(404);
});

test('where the page is not built there is none', async () => {
  expect((await request(express().use(studio(join(folder, 'nowhere')))).get('/')).status).toBe(404);
});
