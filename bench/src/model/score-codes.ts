import type { Clock, Layout, Note, NoteKind, Reading } from './layout.ts';

/** Musical facts read off the codes; nothing here listens to audio. */
export interface CodeFacts {
  /** Share of neighbouring clock tokens that follow each other as the clock demands. */
  clockValid: number;
  /** The metre class of most frames. */
  metre: number;
  bpm: number;
  beats: number;
  /** Beats per minute counted from the steps that were really taken. */
  stepBpm: number;
  /** Share of beats followed by the beat that comes next in the bar. */
  beatAdvances: number;
  kit: string;
  /** Share of steps on which a drum sounds. */
  hitShare: number;
  onGrid: number;
  holdStable: number;
  /** Instrument of most onsets, or 'none'. */
  chords: string;
  bass: string;
  lead: string;
  /** Tonic of most frames, 0 = C. */
  key: number;
  /** Weight of each pitch class in sounding frames; sums to 1 (all zero for drums alone). */
  pitchClasses: number[];
}

const major = [0, 2, 4, 5, 7, 9, 11];
const minor = [0, 2, 3, 5, 7, 8, 10];

export function codeFacts(reading: Reading, layout: Layout): CodeFacts {
  const metre =
    mostCommon(reading.clock.flatMap((token) => (token.kind === 'wait' ? [token.metre] : []))) ?? 0;
  const { bar_frames, beats } = layout.metres[metre] as Layout['metres'][number];
  const steps = reading.clock.filter((token) => token.kind === 'step');
  return {
    clockValid: share(clockSteps(reading.clock, layout)),
    metre,
    bpm: (60 * layout.frame_rate * beats) / bar_frames,
    beats,
    stepBpm: stepRate(reading.clock, layout.frame_rate),
    beatAdvances: share(beatSteps(reading.clock, layout)),
    kit: mostCommon(steps.map(({ kit }) => kit)) ?? 'none',
    hitShare: share(steps.map(({ isHit }) => isHit)),
    onGrid: share(onsetsOnSteps(reading)),
    holdStable: share([reading.chords, reading.bass, reading.lead].flatMap(heldFrames)),
    chords: playedBy(reading.chords),
    bass: playedBy(reading.bass),
    lead: playedBy(reading.lead),
    key: mostCommon(reading.keys) ?? 0,
    pitchClasses: pitchClassWeights(reading),
  };
}

/** Share of the note mass that lies in the scale; 1 when nothing sounds. */
export function scaleShare(pitchClasses: number[], tonic: number, mode: 'major' | 'minor'): number {
  const total = pitchClasses.reduce((a, b) => a + b, 0);
  if (total === 0) return 1;
  const scale = mode === 'major' ? major : minor;
  return scale.reduce((sum, step) => sum + (pitchClasses[(tonic + step) % 12] as number), 0) / total;
}

export function bestScaleShare(pitchClasses: number[]): number {
  return Math.max(...pitchClasses.map((_, tonic) => scaleShare(pitchClasses, tonic, 'major')));
}

/** Metre class and kit of most frames of a stretch. */
export function stretchFacts(reading: Reading, from: number, to: number): { metre: number; kit: string } {
  const clock = reading.clock.slice(from, to);
  return {
    metre: mostCommon(clock.flatMap((token) => (token.kind === 'wait' ? [token.metre] : []))) ?? -1,
    kit: mostCommon(clock.flatMap((token) => (token.kind === 'step' ? [token.kit] : []))) ?? 'none',
  };
}

/** For each clock token with a known place in the bar, whether the next token is the one the metre demands. */
function clockSteps(clock: Clock[], layout: Layout): boolean[] {
  const found: boolean[] = [];
  let place: { metre: number; frame: number } | undefined;
  for (const token of clock) {
    const bar = place && (layout.metres[place.metre] as Layout['metres'][number]);
    const next = place && bar && { metre: place.metre, frame: (place.frame + 1) % bar.bar_frames };
    if (next && bar) {
      const isStep = bar.step_frames.includes(next.frame);
      found.push(isStep ? token.kind === 'step' : isAt(token, next));
    }
    place = token.kind === 'wait' ? token : next;
  }
  return found;
}

function isAt(token: Clock, place: { metre: number; frame: number }): boolean {
  return token.kind === 'wait' && token.metre === place.metre && token.frame === place.frame;
}

/**
 * The beat of every step is told by the waiting token before or after it, so a wrong count shows as a wrong beat number.
 * Each new beat must be the one after the last.
 */
function beatSteps(clock: Clock[], layout: Layout): boolean[] {
  const found: boolean[] = [];
  let before: { metre: number; beat: number } | undefined;
  for (const token of clock) {
    if (token.kind !== 'wait') continue;
    const { bar_frames, beats, step_frames } = layout.metres[token.metre] as Layout['metres'][number];
    const step = step_frames.filter((start) => start <= token.frame).length - 1;
    const now = { metre: token.metre, beat: Math.floor(step / 4) };
    if (before && (now.beat !== before.beat || now.metre !== before.metre)) {
      found.push(now.metre === before.metre && now.beat === (before.beat + 1) % beats && bar_frames > 0);
    }
    before = now;
  }
  return found;
}

function stepRate(clock: Clock[], frameRate: number): number {
  const steps = clock.flatMap((token, frame) => (token.kind === 'step' ? [frame] : []));
  const first = steps[0];
  const last = steps.at(-1);
  if (first === undefined || last === undefined || last === first) return 0;
  return (15 * frameRate * (steps.length - 1)) / (last - first);
}

function onsetsOnSteps({ clock, chords, bass, lead }: Reading): boolean[] {
  return [chords, bass, lead].flatMap((voice) =>
    voice.flatMap((note, frame) => (note.kind === 'on' ? [clock[frame]?.kind === 'step'] : [])),
  );
}

function heldFrames(voice: Note[]): boolean[] {
  return voice.slice(1).flatMap((note, index) => {
    const before = voice[index] as Note;
    return note.kind === 'hold' ? [before.kind !== 'rest' && before.identity === note.identity] : [];
  });
}

function playedBy(voice: Note[]): string {
  return (
    mostCommon(voice.flatMap(({ kind, instrument }) => (kind === 'on' && instrument ? [instrument] : []))) ??
    'none'
  );
}

function pitchClassWeights({ chords, bass, lead }: Reading): number[] {
  const weights = new Array<number>(12).fill(0);
  const add = (voice: Note[], weight: number) => {
    for (const { kind, pitches } of voice) {
      if (kind === ('rest' satisfies NoteKind)) continue;
      for (const pitch of pitches) weights[pitch] = (weights[pitch] as number) + weight;
    }
  };
  add(chords, 0.5);
  add(bass, 1);
  add(lead, 1);
  const total = weights.reduce((a, b) => a + b, 0);
  return total === 0 ? weights : weights.map((weight) => weight / total);
}

function share(outcomes: boolean[]): number {
  return outcomes.length === 0 ? 1 : outcomes.filter(Boolean).length / outcomes.length;
}

export function mostCommon<Value>(values: Value[]): Value | undefined {
  const counts = new Map<Value, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce<[Value, number] | undefined>(
    (best, entry) => (best === undefined || entry[1] > best[1] ? entry : best),
    undefined,
  )?.[0];
}
