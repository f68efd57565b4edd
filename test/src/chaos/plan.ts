/** Each of these ends a process; they are what `--kills` counts. */
export const killKinds = ['worker:kill', 'worker:terminate', 'redis:kill'] as const;
/** These come on top. */
export const disturbanceKinds = [
  'worker:freeze',
  'proxy:cut',
  'proxy:drop_replies',
  'proxy:stall',
  'proxy:silence',
] as const;

export type FaultKind = (typeof killKinds)[number] | (typeof disturbanceKinds)[number];
export type ProxyFaultKind = Extract<FaultKind, `proxy:${string}`>;

export interface Fault {
  kind: FaultKind;
  /** In [0, 1): which worker, or where to begin among the proxy's connections. */
  target: number;
  /** Of the proxy's connections, how many are hit; at least one. */
  share: number;
  /** How long Redis stays down, a worker frozen, a connection disturbed. */
  lastsMs: number;
}

export interface Step {
  pauseMs: number;
  fault: Fault;
}

/** Uniform in [0, 1), the same sequence for the same seed: mulberry32. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const meanPauseMs = 320;
/** How many disturbances come with one kill. */
const disturbancesPerKill = 0.25;
const killShares: Record<(typeof killKinds)[number], number> = {
  'worker:kill': 0.45,
  'worker:terminate': 0.2,
  'redis:kill': 0.35,
};
const durationsMs: Record<FaultKind, [min: number, max: number]> = {
  'worker:kill': [0, 0],
  'worker:terminate': [0, 0],
  'redis:kill': [0, 500],
  'worker:freeze': [1_700, 3_500],
  'proxy:cut': [0, 0],
  'proxy:drop_replies': [50, 400],
  'proxy:stall': [100, 2_500],
  'proxy:silence': [3_000, 6_000],
};

/** What will happen, in order: the same for the same seed, though not what the processes make of it. */
export function makePlan({ seed, kills }: { seed: number; kills: number }): Step[] {
  const random = createRandom(seed);
  const steps: Step[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    steps.push(makeStep(killKind(random()), random));
    if (random() < disturbancesPerKill) {
      const index = Math.floor(random() * disturbanceKinds.length);
      steps.push(makeStep(disturbanceKinds[index] ?? 'proxy:cut', random));
    }
  }
  return steps;
}

function killKind(draw: number): FaultKind {
  let left = draw;
  for (const kind of killKinds) {
    left -= killShares[kind];
    if (left < 0) return kind;
  }
  return 'worker:kill';
}

function makeStep(kind: FaultKind, random: () => number): Step {
  const [min, max] = durationsMs[kind];
  return {
    pauseMs: Math.round(random() * 2 * meanPauseMs),
    fault: {
      kind,
      target: random(),
      // Now a few connections, now all of them.
      share: random() < 0.3 ? 1 : random(),
      lastsMs: Math.round(min + random() * (max - min)),
    },
  };
}
