/**
 * Does the embedded model do what its prompts ask? Generates 48 prompts × 2 seeds and some long pieces through the
 * engine, scores codes and audio, prints a table and exits with 1 where a bound is missed.
 *
 *     node bench/dist/model/evaluate.js [--model FOLDER] [--engines 2] [--prompts 48] [--write MODEL.md]
 */
import { readdirSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  type Check,
  energyCheck,
  musicChecks,
  type Pairing,
  promptChecks,
  steadinessChecks,
} from './checks.ts';
import { type Clip, type ClipRequest, makeClips } from './clips.ts';
import { type Layout, readLayout } from './layout.ts';
import { type PromptCase, prompts } from './prompts.ts';
import { failures, table, writeInto } from './report.ts';

const seeds = [1, 2];
const clipSeconds = 10;
const longPieces = [
  { seconds: 30, count: 8 },
  { seconds: 120, count: 2 },
];

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', default: 'models/musicgen-micro' },
      engines: { type: 'string', default: String(Math.min(4, cpus().length)) },
      prompts: { type: 'string', default: String(prompts.length) },
      write: { type: 'string' },
    },
  });
  const layout = readLayout(values.model);
  const run = { modelFolder: values.model, layout, engines: Number(values.engines) };
  const asked = prompts.slice(0, Number(values.prompts));

  const clips = await makeClips(shortRequests(asked), run);
  const pairings = clips.map((clip, index) => ({ clip, asked: asked[index % asked.length] as PromptCase }));
  const checks = [
    sizeCheck(values.model),
    ...musicChecks(clips),
    ...promptChecks(pairings),
    energyCheck(pairings),
    ...(await longChecks(run)),
    ...(await seedChecks(clips, run)),
    await speedCheck(run),
    controlCheck(pairings),
  ].sort((a, b) => Number.parseInt(a.number, 10) - Number.parseInt(b.number, 10));

  const text = table(checks);
  console.log(text);
  if (values.write) writeInto(values.write, text);
  const missed = failures(checks);
  for (const line of missed) console.error(`below its bound: ${line}`);
  return missed.length > 0 ? 1 : 0;
}

function shortRequests(asked: PromptCase[]): ClipRequest[] {
  return seeds.flatMap((seed) => asked.map(({ text }) => ({ prompt: text, seconds: clipSeconds, seed })));
}

function sizeCheck(modelFolder: string): Check {
  const folder = join(modelFolder, 'onnx');
  const bytes = readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
  return {
    number: '1',
    what: 'size of the three graphs',
    on: 'files',
    value: bytes / 1e6,
    cases: 1,
    bound: 12,
    direction: 'at most',
    unit: 'MB',
  };
}

async function longChecks(run: { modelFolder: string; layout: Layout; engines: number }): Promise<Check[]> {
  const checks: Check[] = [];
  for (const { seconds, count } of longPieces) {
    const spread = Array.from({ length: count }, (_, n) => prompts[Math.floor((n * prompts.length) / count)]);
    const requests = spread.map((prompt) => ({ prompt: prompt?.text ?? '', seconds, seed: 3 }));
    checks.push(...steadinessChecks(await makeClips(requests, run), run.layout, `${seconds} s`));
  }
  return checks;
}

/** Another seed must be another piece, the same seed the same piece bit by bit. */
async function seedChecks(
  clips: Clip[],
  run: { modelFolder: string; layout: Layout; engines: number },
): Promise<Check[]> {
  const half = clips.length / 2;
  const pairs = clips.slice(0, half).map((clip, index) => differingShare(clip, clips[index + half] as Clip));
  const again = await makeClips(clips.slice(0, 4), run);
  const same = again.map((clip, index) => Number(differingShare(clip, clips[index] as Clip) === 0));
  const shared = { on: 'codes', bound: 1, direction: 'at least', unit: 'share' } as const;
  const differ = pairs.filter((share) => share > 0.2).length / pairs.length;
  return [
    {
      number: '15a',
      what: 'another seed: over a fifth of the codes differ',
      value: differ,
      cases: half,
      ...shared,
    },
    {
      number: '15b',
      what: 'same seed: all codes equal',
      value: average(same),
      cases: same.length,
      ...shared,
    },
  ];
}

function differingShare(a: Clip, b: Clip): number {
  return a.codes.reduce((sum, code, index) => sum + Number(code !== b.codes[index]), 0) / a.codes.length;
}

/** One engine with one thread, alone on the machine as far as this program is concerned. */
async function speedCheck(run: { modelFolder: string; layout: Layout }): Promise<Check> {
  const requests = prompts.slice(0, 4).map(({ text }) => ({ prompt: text, seconds: clipSeconds, seed: 9 }));
  const clips = await makeClips(requests, { ...run, engines: 1 });
  return {
    number: '16',
    what: '10 s of audio on one thread, guidance on, fastest of four',
    on: 'audio',
    // The fastest, because whatever else the machine does only ever makes it slower.
    value: Math.min(...clips.map(({ generationSeconds }) => generationSeconds)),
    cases: clips.length,
    bound: 3,
    direction: 'at most',
    unit: 's',
  };
}

/** All named instruments together against shuffled prompts: chance level of the scorer. */
function controlCheck(pairings: Pairing[]): Check {
  const instruments = promptChecks(pairings).filter(({ number }) => number.startsWith('8'));
  return {
    number: '17',
    what: 'named instruments, scored with shuffled prompts',
    on: 'codes',
    value: average(instruments.map(({ control = 0 }) => control)),
    cases: instruments.reduce((sum, { cases }) => sum + cases, 0),
    bound: 0.2,
    direction: 'at most',
    unit: 'share',
  };
}

function average(values: number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

process.exitCode = await main();
