import { stat } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { convertCheckpoint, type ModelLayout, type ModelPrecision } from '@musicgen/engine';
import { median } from '../percentile.ts';
import { type Row, ratioOf, tableText } from '../table.ts';
import { seededCheckpoint } from './seeded-checkpoint.ts';
import type { EngineCommand } from './system.ts';
import { type SystemChild, startSystem } from './system-child.ts';

const names = { ours: 'ours', peer: 'transformers.js' };

export interface EngineBenchOptions {
  rounds: number;
  precision: ModelPrecision;
  /** `steps`, `eight`, `pieces`, `together`; none: all. */
  only: readonly string[];
  /** Seconds of the whole pieces that are made alone. */
  seconds: readonly number[];
  /** Seconds of the eight pieces that are made together. */
  togetherSeconds: number;
  threads: number;
}

interface Systems {
  ours: SystemChild;
  peer: SystemChild;
}

const folder = '.musicgen/bench-engine';
const positions = [100, 500, 1000, 1490];
const stepsARound = 12;

/** Measures our engine and transformers.js on the same weights, each in its process, and prints what it finds. */
export async function benchEngine(options: EngineBenchOptions): Promise<Row[]> {
  const load = { precision: options.precision, threads: options.threads };
  const fast = await modelFolder('fast', options.precision);
  const standard = await modelFolder('standard', options.precision);
  console.log(setting(options));
  const systems = {
    ours: await startSystem({ system: 'ours', folder: fast, ...load }),
    peer: await startSystem({ system: 'peer', folder: standard, ...load }),
  };
  const rows = [row('load, s', systems.ours.loadSeconds, systems.peer.loadSeconds, { better: 'lower' })];
  for (const [name, measure] of Object.entries(parts)) {
    if (options.only.length > 0 && !options.only.includes(name)) continue;
    console.error(`${name} …`);
    rows.push(...(await measure(systems, options)), peakMemory(systems, name));
  }
  systems.ours.end();
  systems.peer.end();
  console.log(tableText(rows, names));
  return rows;
}

const parts: Record<string, (systems: Systems, options: EngineBenchOptions) => Promise<Row[]>> = {
  steps: measureSteps,
  eight: measureEight,
  pieces: measurePieces,
  together: measureTogether,
};

/** One task's step at several positions. */
async function measureSteps(systems: Systems, { rounds }: EngineBenchOptions): Promise<Row[]> {
  const rows: Row[] = [];
  for (const position of positions) {
    const command = { do: 'steps', position, tasks: 1, count: stepsARound } as const;
    const { ours, peer, outside } = await inTurn(systems, { ours: command, peer: command, rounds });
    rows.push(row(`step at ${position}, ms`, ours, peer, { better: 'lower', target: peer / 3 }));
    rows.push(
      row(`outside session.run at ${position}, %`, outside, undefined, { better: 'lower', target: 5 }),
    );
  }
  return rows;
}

/** Steps of more tasks at once against as many of one task, in frames a second. */
async function measureEight(systems: Systems, { rounds }: EngineBenchOptions): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [tasks, position] of [
    [2, 500],
    [4, 500],
    [8, 100],
    [8, 500],
    [8, 1000],
  ] as const) {
    const command = { do: 'steps', position, count: stepsARound } as const;
    const { ours, peer, outside } = await inTurn(systems, {
      ours: { ...command, tasks },
      peer: { ...command, tasks: 1 },
      rounds,
    });
    const target = tasks === 8 ? (5 * 1000) / peer : undefined;
    const name = `${tasks} tasks at once at ${position}, frames/s`;
    rows.push(row(name, (tasks * 1000) / ours, 1000 / peer, { better: 'higher', target }));
    const share = `${tasks} tasks, outside session.run at ${position}, %`;
    rows.push(row(share, outside, undefined, { better: 'lower', target: 5 }));
  }
  return rows;
}

/** Whole pieces, from the prompt to the audio. */
async function measurePieces(systems: Systems, { seconds, rounds }: EngineBenchOptions): Promise<Row[]> {
  const rows: Row[] = [];
  for (const length of seconds) {
    const command = { do: 'piece', seconds: length, tasks: 1 } as const;
    const { ours, peer } = await inTurn(systems, { ours: command, peer: command, rounds });
    const frames = length * 50 * 1000;
    rows.push(
      row(`a piece of ${length} s, frames/s`, frames / ours, frames / peer, {
        better: 'higher',
        target: (3 * frames) / peer,
      }),
    );
  }
  return rows;
}

/** Eight pieces at once against one: the peer makes eight one after the other, at the rate of one. */
async function measureTogether(systems: Systems, options: EngineBenchOptions): Promise<Row[]> {
  const { togetherSeconds: seconds, rounds } = options;
  const { ours, peer } = await inTurn(systems, {
    ours: { do: 'piece', seconds, tasks: 8 },
    peer: { do: 'piece', seconds, tasks: 1 },
    rounds,
  });
  const frames = seconds * 50 * 1000;
  const rate = frames / peer;
  const name = `8 pieces of ${seconds} s at once, frames/s`;
  return [row(name, (8 * frames) / ours, rate, { better: 'higher', target: 5 * rate })];
}

/** Medians of what both measure in turn, each round in the other order: the machine is not the same from minute to minute. */
async function inTurn(
  systems: Systems,
  { ours, peer, rounds }: { ours: EngineCommand; peer: EngineCommand; rounds: number },
): Promise<{ ours: number; peer: number; outside: number }> {
  const times = { ours: [] as number[], peer: [] as number[] };
  const outside: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const order = ['ours', 'peer'] as const;
    for (const system of round % 2 === 0 ? order : order.toReversed()) {
      const answer = await systems[system].measure(system === 'ours' ? ours : peer);
      times[system].push(...answer.milliseconds);
      if (answer.outsideRuns !== undefined) outside.push(answer.outsideRuns);
    }
  }
  const medians = { ours: median(times.ours), peer: median(times.peer), outside: 100 * median(outside) };
  // A run that is cut short has said what it knows.
  console.error(JSON.stringify({ ...ours, ...medians }));
  return medians;
}

/** The most that each has had up to the end of a part: the first has one task at a time, the second up to eight. */
function peakMemory(systems: Systems, part: string): Row {
  const [ours, peer] = [systems.ours.peakBytes / 1e6, systems.peer.peakBytes / 1e6];
  return row(`peak memory after ${part}, MB`, ours, peer, { better: 'lower', target: peer });
}

function row(
  name: string,
  ours: number,
  peer: number | undefined,
  { better, target }: { better: Row['better']; target?: number },
): Row {
  return { name, ours, peer, ratio: ratioOf(ours, peer), target, better };
}

/** A model of the seeded checkpoint, converted when it is first asked for. */
async function modelFolder(layout: ModelLayout, precision: ModelPrecision): Promise<string> {
  const target = join(process.cwd(), folder, `${layout}-${precision}`);
  if (await stat(target).catch(() => undefined)) return target;
  console.error(`making ${target} …`);
  const source = await seededCheckpoint(folder);
  await convertCheckpoint({ source, target, layout, precision });
  return target;
}

/** What a reader must know beside the figures. */
function setting({ rounds, precision, threads }: EngineBenchOptions): string {
  const machine = `${cpus().length} × ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(1)}`;
  const software = `Node ${process.version}, onnxruntime-node 1.30.0, ${threads} threads, @huggingface/transformers 4.3.1`;
  return `${new Date().toISOString()}\n${machine}\n${software}\n${precision}, ${rounds} rounds\n`;
}
