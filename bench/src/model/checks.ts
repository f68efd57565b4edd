import type { Clip } from './clips.ts';
import type { Layout } from './layout.ts';
import { type PromptCase, pitchClass } from './prompts.ts';
import { bestScaleShare, scaleShare, stretchFacts } from './score-codes.ts';

/** A clip and the prompt it is held to: its own, or in the control another one. */
export interface Pairing {
  clip: Clip;
  asked: PromptCase;
}

export interface Check {
  number: string;
  what: string;
  /** What it is measured on. */
  on: 'audio' | 'codes' | 'files';
  /** Mean over the clips to which it applies; undefined if it applies to none. */
  value: number | undefined;
  /** The same scorer on shuffled prompts, where the check is about the prompt. */
  control?: number;
  cases: number;
  bound: number;
  direction: 'at least' | 'at most';
  unit: 'share' | 'dB' | 's' | 'MB';
}

const tempoTolerance = 0.045;

/** The outcome of one pairing, 0 to 1; undefined where the prompt asks nothing of the kind. */
type Score = (pairing: Pairing) => number | undefined;

/** A score for prompts in which `field` says something. */
function whenAsked<Field extends keyof PromptCase>(
  field: Field,
  score: (clip: Clip, wanted: NonNullable<PromptCase[Field]>) => number | boolean | undefined,
): Score {
  return ({ clip, asked }) => {
    const wanted = asked[field];
    const outcome = wanted === undefined ? undefined : score(clip, wanted as NonNullable<PromptCase[Field]>);
    return outcome === undefined ? undefined : Number(outcome);
  };
}

const near = (bpm: number, asked: number, tolerance = tempoTolerance) =>
  Math.abs(Math.log(bpm / asked)) < tolerance;

const plays = (clip: Clip, wanted: string) =>
  wanted.split('|').some((choice) => {
    const [voice, timbre] = choice.split(':') as ['chords' | 'bass' | 'lead', string];
    return clip.facts[voice] === timbre;
  });

const scores = {
  tempo: whenAsked('bpm', ({ facts }, bpm) => near(facts.bpm, bpm) && near(facts.stepBpm, bpm)),
  audioTempo: whenAsked('bpm', ({ facts, audioBpm }, bpm) =>
    facts.hitShare < 0.2 ? undefined : [0.5, 1, 2].some((ratio) => near(audioBpm, bpm * ratio, 0.04)),
  ),
  chords: whenAsked('chords', plays),
  bass: whenAsked('bass', plays),
  lead: whenAsked('lead', plays),
  drumsNamed: whenAsked('drums', ({ facts }, wanted) => (wanted ? facts.hitShare > 0.1 : undefined)),
  noDrums: whenAsked('drums', ({ facts }, wanted) => (wanted ? undefined : facts.hitShare === 0)),
  kit: whenAsked('kits', ({ facts }, kits) => kits.includes(facts.kit)),
  metre: whenAsked('beats', ({ facts }, beats) => facts.beats === beats),
  scale: whenAsked('key', ({ facts }, { tonic, mode }) =>
    scaleShare(facts.pitchClasses, pitchClass(tonic), mode),
  ),
  audioScale: whenAsked('key', ({ audioPitchClasses }, { tonic, mode }) =>
    scaleShare(audioPitchClasses, pitchClass(tonic), mode),
  ),
  tonic: whenAsked('key', ({ facts }, { tonic }) => facts.key === pitchClass(tonic)),
};

function mean(values: number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((a, b) => a + b, 0) / values.length;
}

function overAll(pairings: Pairing[], score: Score): { value: number | undefined; cases: number } {
  const values = pairings.map(score).filter((value) => typeof value === 'number');
  return { value: mean(values), cases: values.length };
}

/** Every clip against the prompts of all the others. */
export function shuffled(pairings: Pairing[]): Pairing[] {
  return pairings.flatMap(({ clip, asked }) =>
    pairings.filter((other) => other.asked !== asked).map((other) => ({ clip, asked: other.asked })),
  );
}

/** Checks of the ten-second clips against their prompts, each with its shuffled control. */
export function promptChecks(pairings: Pairing[]): Check[] {
  const others = shuffled(pairings);
  const check = (number: string, what: string, on: Check['on'], score: Score, bound: number): Check => ({
    number,
    what,
    on,
    ...overAll(pairings, score),
    control: overAll(others, score).value,
    bound,
    direction: 'at least',
    unit: 'share',
  });
  return [
    check('5', 'tempo class and step rate within 4.5 % of the bpm asked', 'codes', scores.tempo, 0.9),
    check(
      '6',
      'autocorrelation tempo within 4 % of bpm × {½, 1, 2}, with drums',
      'audio',
      scores.audioTempo,
      0.8,
    ),
    check('8a', 'chord instrument as named', 'codes', scores.chords, 0.85),
    check('8b', 'bass as named', 'codes', scores.bass, 0.75),
    check('8c', 'lead instrument as named', 'codes', scores.lead, 0.7),
    check('9a', 'drums where drums are named', 'codes', scores.drumsNamed, 0.9),
    check('9b', 'no drums where they are ruled out', 'codes', scores.noDrums, 0.85),
    check('9c', 'kit typical of the genre', 'codes', scores.kit, 0.85),
    check('9d', 'three beats where a waltz is asked', 'codes', scores.metre, 0.85),
    check('11', 'share of notes in the scale of the key asked', 'codes', scores.scale, 0.85),
    check('11b', 'tonic as asked', 'codes', scores.tonic, 0.8),
    check('11c', 'share of spectral peaks in the scale of the key asked', 'audio', scores.audioScale, 0.75),
  ];
}

/** Checks that need no prompt. */
export function musicChecks(clips: Clip[]): Check[] {
  const over = (score: (clip: Clip) => number) => ({ value: mean(clips.map(score)), cases: clips.length });
  const every = (holds: (clip: Clip) => boolean) => over((clip) => Number(holds(clip)));
  const atLeast = { direction: 'at least', unit: 'share' } as const;
  return [
    {
      number: '2a',
      what: 'all samples finite and within ±1',
      on: 'audio',
      ...every(({ audio }) => audio.isFinite && audio.peak <= 1),
      bound: 1,
      ...atLeast,
    },
    {
      number: '2b',
      what: 'samples beyond ±0.99',
      on: 'audio',
      ...over(({ audio }) => audio.clipped),
      bound: 0.001,
      direction: 'at most',
      unit: 'share',
    },
    {
      number: '2c',
      what: 'clips with under 10 % silent 100-ms blocks',
      on: 'audio',
      ...every(({ audio }) => audio.silentBlocks < 0.1),
      bound: 1,
      ...atLeast,
    },
    {
      number: '3',
      what: 'clips with RMS between .04 and .45',
      on: 'audio',
      ...every(({ audio }) => audio.rms > 0.04 && audio.rms < 0.45),
      bound: 1,
      ...atLeast,
    },
    {
      number: '4',
      what: 'clock tokens that follow as the clock demands',
      on: 'codes',
      ...over(({ facts }) => facts.clockValid),
      bound: 0.98,
      ...atLeast,
    },
    {
      number: '7a',
      what: 'onsets of chords, bass and lead on the grid',
      on: 'codes',
      ...over(({ facts }) => facts.onGrid),
      bound: 0.97,
      ...atLeast,
    },
    {
      number: '7b',
      what: 'held notes that keep their pitch',
      on: 'codes',
      ...over(({ facts }) => facts.holdStable),
      bound: 0.98,
      ...atLeast,
    },
    {
      number: '10',
      what: 'share of notes in one diatonic scale',
      on: 'codes',
      ...over(({ facts }) => bestScaleShare(facts.pitchClasses)),
      bound: 0.9,
      ...atLeast,
    },
    {
      number: '14',
      what: 'beats followed by the next beat of the bar',
      on: 'codes',
      ...over(({ facts }) => facts.beatAdvances),
      bound: 0.95,
      ...atLeast,
    },
  ];
}

/** Mean loudness of loud prompts over calm ones, in dB. */
export function energyCheck(pairings: Pairing[]): Check {
  const loudness = (energy: 'calm' | 'loud') => {
    const chosen = pairings.filter(({ asked }) => asked.energy === energy);
    return { cases: chosen.length, rms: mean(chosen.map(({ clip }) => clip.audio.rms)) ?? Number.NaN };
  };
  const loud = loudness('loud');
  const calm = loudness('calm');
  return {
    number: '12',
    what: 'mean RMS of loud prompts over calm ones',
    on: 'audio',
    value: 20 * Math.log10(loud.rms / calm.rms),
    cases: loud.cases + calm.cases,
    bound: 2.5,
    direction: 'at least',
    unit: 'dB',
  };
}

/** Five-second stretches of long clips that keep the tempo class and the kit of the first. */
export function steadinessChecks(clips: Clip[], layout: Layout, label: string): Check[] {
  const stretch = 5 * layout.frame_rate;
  const outcomes = clips.flatMap(({ reading }) => {
    const frames = reading.clock.length;
    const first = stretchFacts(reading, 0, stretch);
    return Array.from({ length: Math.floor(frames / stretch) - 1 }, (_, index) => {
      const later = stretchFacts(reading, (index + 1) * stretch, (index + 2) * stretch);
      return { metre: later.metre === first.metre, kit: later.kit === first.kit };
    });
  });
  const shared = {
    on: 'codes',
    cases: outcomes.length,
    bound: 0.95,
    direction: 'at least',
    unit: 'share',
  } as const;
  return [
    {
      number: '13a',
      what: `${label}: stretches of 5 s in the first one's tempo`,
      value: mean(outcomes.map(({ metre }) => Number(metre))),
      ...shared,
    },
    {
      number: '13b',
      what: `${label}: stretches of 5 s with the first one's drum kit`,
      value: mean(outcomes.map(({ kit }) => Number(kit))),
      ...shared,
    },
  ];
}

export function passes({ value, bound, direction }: Check): boolean {
  if (value === undefined || Number.isNaN(value)) return false;
  return direction === 'at least' ? value >= bound : value <= bound;
}

/** Shuffled prompts must fall below this, or the scorer proves nothing; for instruments that is check 17. */
export const controlBounds: Record<string, number> = { '5': 0.25 };
