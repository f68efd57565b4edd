import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the ids of musicgen-micro's codebooks mean; written by training/export.py from training/tokens.py. */
export interface Layout {
  frame_rate: number;
  sizes: [number, number, number, number];
  kits: string[];
  hits: [number, number, number, number][];
  step_tokens: number;
  metres: { bar_frames: number; beats: number; swing: boolean; step_frames: number[] }[];
  qualities: Record<string, number[]>;
  chords: [number, string][];
  chord_instruments: string[];
  bass: VoiceLayout;
  lead: VoiceLayout;
}

interface VoiceLayout {
  timbres: string[];
  /** Lowest pitch, in semitones above the tonic. */
  low: number;
  pitches: number;
}

/** A clock token: a step of the drums, or a frame of waiting that tells metre and place in the bar. */
export type Clock =
  | { kind: 'step'; kit: string; isHit: boolean }
  | { kind: 'wait'; metre: number; frame: number };

export type NoteKind = 'on' | 'hold' | 'rest';

/** One frame of a voice. Pitch classes are absolute, 0 = C. */
export interface Note {
  kind: NoteKind;
  /** Absent where the token does not tell. */
  instrument?: string;
  pitches: number[];
  /** What must not change while a note is held. */
  identity: number;
}

/** A piece's codes, read. */
export interface Reading {
  clock: Clock[];
  /** Tonic, 0 = C, per frame. */
  keys: number[];
  chords: Note[];
  bass: Note[];
  lead: Note[];
}

const kinds = ['on', 'hold', 'rest'] as const;
const octave = 12;

export function readLayout(modelFolder: string): Layout {
  return JSON.parse(readFileSync(join(modelFolder, 'token_layout.json'), 'utf8')) as Layout;
}

/** Reads codes, [frames, codebooks]. */
export function readCodes(codes: Uint16Array, layout: Layout): Reading {
  const frames = codes.length / 4;
  const at = (frame: number, codebook: number) => codes[frame * 4 + codebook] as number;
  const reading: Reading = { clock: [], keys: [], chords: [], bass: [], lead: [] };
  for (let frame = 0; frame < frames; frame++) {
    const { key, note } = readChord(at(frame, 1), layout);
    reading.clock.push(readClock(at(frame, 0), layout));
    reading.keys.push(key);
    reading.chords.push(note);
    reading.bass.push(readNote(at(frame, 2), key, layout.bass));
    reading.lead.push(readNote(at(frame, 3), key, layout.lead));
  }
  return reading;
}

function readClock(token: number, layout: Layout): Clock {
  if (token < layout.step_tokens) {
    if (token === 0) return { kind: 'step', kit: 'none', isHit: false };
    const kit = Math.floor((token - 1) / layout.hits.length) + 1;
    const hit = layout.hits[(token - 1) % layout.hits.length] as number[];
    return { kind: 'step', kit: layout.kits[kit] as string, isHit: hit.some((sound) => sound > 0) };
  }
  let frame = token - layout.step_tokens;
  for (const [metre, { bar_frames }] of layout.metres.entries()) {
    if (frame < bar_frames) return { kind: 'wait', metre, frame };
    frame -= bar_frames;
  }
  throw new Error(`Clock token ${token} has no meaning`);
}

function readChord(token: number, layout: Layout): { key: number; note: Note } {
  const chords = layout.chords.length;
  const instruments = layout.chord_instruments.length;
  const struck = octave * chords * instruments;
  const isStruck = token < struck;
  const index = isStruck ? Math.floor(token / instruments) : (token - struck) % (octave * chords);
  const kind = isStruck ? 'on' : token - struck < octave * chords ? 'hold' : 'rest';
  const key = Math.floor(index / chords);
  const [root, quality] = layout.chords[index % chords] as [number, string];
  const intervals = layout.qualities[quality] as number[];
  return {
    key,
    note: {
      kind,
      instrument: isStruck ? layout.chord_instruments[token % instruments] : undefined,
      pitches: [...new Set(intervals.map((interval) => (key + root + interval) % octave))],
      identity: index,
    },
  };
}

function readNote(token: number, key: number, voice: VoiceLayout): Note {
  const timbre = token % voice.timbres.length;
  const rest = Math.floor(token / voice.timbres.length);
  const pitch = (rest % voice.pitches) + voice.low;
  return {
    kind: kinds[Math.floor(rest / voice.pitches)] as NoteKind,
    instrument: voice.timbres[timbre],
    pitches: [(((key + pitch) % octave) + octave) % octave],
    identity: token % (voice.pitches * voice.timbres.length),
  };
}
