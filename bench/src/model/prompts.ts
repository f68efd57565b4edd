/** A prompt and what a listener may hold it to. What is absent is not checked. */
export interface PromptCase {
  text: string;
  bpm?: number;
  key?: { tonic: string; mode: 'major' | 'minor' };
  /** Named instruments, each as the voices and timbres that count as it: `chords:piano|lead:piano`. */
  chords?: string;
  bass?: string;
  lead?: string;
  /** True when drums are named, false when they are ruled out. */
  drums?: boolean;
  /** Kits typical of the genre. */
  kits?: string[];
  beats?: 3 | 4;
  energy?: 'calm' | 'loud';
}

const piano = 'chords:piano|lead:piano';
const guitar = 'chords:guitar|chords:distorted|lead:guitar';

/** Written as people write them, without the training captions' templates at hand; half of them give a tempo, half a key. */
export const prompts: PromptCase[] = [
  {
    text: 'A rainy evening lofi beat, 78 bpm, dusty rhodes and a sleepy groove',
    bpm: 78,
    chords: 'chords:epiano',
    kits: ['lofi'],
    energy: 'calm',
  },
  {
    text: 'lo-fi hip hop to study to, key of D minor, soft piano over mellow drums',
    key: { tonic: 'D', mode: 'minor' },
    chords: piano,
    drums: true,
    kits: ['lofi'],
    energy: 'calm',
  },
  {
    text: 'Chillhop with a lazy saxophone, around 84 bpm, in G major',
    bpm: 84,
    key: { tonic: 'G', mode: 'major' },
    lead: 'lead:sax',
    kits: ['lofi'],
    energy: 'calm',
  },
  {
    text: 'Floating ambient pads for meditation, no drums at all',
    chords: 'chords:pad',
    drums: false,
    energy: 'calm',
  },
  {
    text: 'Deep space ambience in A minor, slow strings, very peaceful, without percussion',
    key: { tonic: 'A', mode: 'minor' },
    chords: 'chords:strings',
    drums: false,
    energy: 'calm',
  },
  {
    text: 'Calm ambient music for falling asleep with bells, E major',
    key: { tonic: 'E', mode: 'major' },
    lead: 'lead:bell',
    energy: 'calm',
  },
  {
    text: 'Pounding warehouse techno at 138 bpm with an acid bassline',
    bpm: 138,
    bass: 'bass:acid',
    drums: true,
    kits: ['electronic'],
    energy: 'loud',
  },
  {
    text: 'dark hypnotic techno, 130 bpm, F minor, drum machine',
    bpm: 130,
    key: { tonic: 'F', mode: 'minor' },
    drums: true,
    kits: ['electronic'],
    energy: 'loud',
  },
  {
    text: 'Peak-time trance anthem, 140 BPM, synth lead soaring over the crowd',
    bpm: 140,
    lead: 'lead:synth',
    kits: ['electronic'],
    energy: 'loud',
  },
  {
    text: 'Sunny house track at 124 bpm in C major with piano chords',
    bpm: 124,
    key: { tonic: 'C', mode: 'major' },
    chords: piano,
    kits: ['electronic'],
    energy: 'loud',
  },
  {
    text: 'deep house, warm organ and sub bass, 120 bpm',
    bpm: 120,
    chords: 'chords:organ',
    bass: 'bass:sub',
    kits: ['electronic'],
  },
  {
    text: 'Disco party with four on the floor drums and funky bass guitar, B flat major',
    key: { tonic: 'Bb', mode: 'major' },
    bass: 'bass:finger',
    drums: true,
    kits: ['electronic', 'acoustic'],
  },
  {
    text: 'Hard rock, distorted guitar, loud drums, 145 bpm, E minor',
    bpm: 145,
    key: { tonic: 'E', mode: 'minor' },
    chords: 'chords:distorted|chords:guitar|lead:guitar',
    drums: true,
    kits: ['acoustic'],
    energy: 'loud',
  },
  {
    text: 'Indie rock song in D major with jangly electric guitars',
    key: { tonic: 'D', mode: 'major' },
    chords: 'chords:distorted|chords:guitar',
    kits: ['acoustic'],
    energy: 'loud',
  },
  {
    text: 'punk rock, very fast, 175 bpm, angry power chords',
    bpm: 175,
    chords: 'chords:distorted',
    kits: ['acoustic'],
    energy: 'loud',
  },
  {
    text: 'Smoky jazz club trio, walking upright bass, brushed drums, 112 bpm',
    bpm: 112,
    bass: 'bass:upright',
    drums: true,
    kits: ['brush'],
  },
  {
    text: 'swing jazz with trumpet, F major',
    key: { tonic: 'F', mode: 'major' },
    lead: 'lead:brass',
    kits: ['brush'],
  },
  {
    text: 'A relaxed jazz tune led by tenor sax, 96 bpm, G minor',
    bpm: 96,
    key: { tonic: 'G', mode: 'minor' },
    lead: 'lead:sax',
    kits: ['brush'],
  },
  {
    text: 'Epic orchestral battle music with thundering war drums, D minor',
    key: { tonic: 'D', mode: 'minor' },
    drums: true,
    kits: ['orchestral'],
    energy: 'loud',
  },
  {
    text: 'Cinematic trailer, soaring french horns and strings, 100 bpm',
    bpm: 100,
    chords: 'chords:strings',
    lead: 'lead:brass',
    kits: ['orchestral'],
    energy: 'loud',
  },
  {
    text: 'heroic film score in C minor, timpani, low cellos driving',
    key: { tonic: 'C', mode: 'minor' },
    bass: 'bass:bowed',
    drums: true,
    kits: ['orchestral'],
    energy: 'loud',
  },
  {
    text: 'A gentle string quartet in A major',
    key: { tonic: 'A', mode: 'major' },
    chords: 'chords:strings',
    drums: false,
  },
  {
    text: 'Baroque chamber music with solo violin, 92 bpm, E minor, no drums',
    bpm: 92,
    key: { tonic: 'E', mode: 'minor' },
    lead: 'lead:violin',
    drums: false,
  },
  {
    text: 'romantic classical piece, flute melody over strings',
    chords: 'chords:strings',
    lead: 'lead:flute',
  },
  {
    text: 'Liquid drum and bass, 174 bpm, airy pads',
    bpm: 174,
    chords: 'chords:pad',
    kits: ['electronic', 'acoustic'],
    energy: 'loud',
  },
  {
    text: 'jungle breakbeat at 168 bpm with deep sub bass in G minor',
    bpm: 168,
    key: { tonic: 'G', mode: 'minor' },
    bass: 'bass:sub',
    kits: ['electronic', 'acoustic'],
  },
  {
    text: 'Viennese waltz for violin and piano, 150 bpm',
    bpm: 150,
    chords: piano,
    lead: 'lead:violin',
    beats: 3,
  },
  {
    text: 'a sad little waltz in 3/4, B minor, music box',
    key: { tonic: 'B', mode: 'minor' },
    lead: 'lead:bell',
    beats: 3,
  },
  {
    text: 'Retro synthwave night drive, 104 bpm, synth lead, A minor',
    bpm: 104,
    key: { tonic: 'A', mode: 'minor' },
    lead: 'lead:synth',
    kits: ['electronic'],
  },
  {
    text: '80s synth pop with electronic drums and shimmering pads, F# minor',
    key: { tonic: 'F#', mode: 'minor' },
    chords: 'chords:pad',
    drums: true,
    kits: ['electronic'],
  },
  {
    text: 'outrun chase at 118 bpm, pulsing synth bass',
    bpm: 118,
    bass: 'bass:acid|bass:sub',
    kits: ['electronic'],
  },
  {
    text: 'Cheerful 8-bit platformer theme in C major, 150 bpm, square wave melody',
    bpm: 150,
    key: { tonic: 'C', mode: 'major' },
    lead: 'lead:chip',
  },
  {
    text: 'chiptune boss battle, fast and frantic, E minor',
    key: { tonic: 'E', mode: 'minor' },
    lead: 'lead:chip',
    energy: 'loud',
  },
  {
    text: 'A tender piano ballad, 66 bpm, E flat major',
    bpm: 66,
    key: { tonic: 'Eb', mode: 'major' },
    chords: piano,
    drums: false,
    energy: 'calm',
  },
  {
    text: 'solo piano, melancholic and slow, in C minor',
    key: { tonic: 'C', mode: 'minor' },
    chords: piano,
    drums: false,
    energy: 'calm',
  },
  { text: 'Quiet emotional piano, 72 bpm', bpm: 72, chords: piano, energy: 'calm' },
  {
    text: 'Campfire folk with strummed acoustic guitar, 108 bpm, G major',
    bpm: 108,
    key: { tonic: 'G', mode: 'major' },
    chords: 'chords:guitar',
  },
  {
    text: 'celtic folk dance with fiddle and acoustic guitar in D major',
    key: { tonic: 'D', mode: 'major' },
    chords: 'chords:guitar',
    lead: 'lead:violin',
  },
  { text: 'Country ballad, warm guitar, tin whistle, 88 bpm', bpm: 88, chords: guitar, lead: 'lead:flute' },
  {
    text: 'Boom bap hip hop beat, 90 bpm, dusty piano, hard drums',
    bpm: 90,
    chords: piano,
    drums: true,
    kits: ['electronic', 'acoustic', 'lofi'],
  },
  {
    text: 'Dark trap with booming 808 bass and bells, C# minor',
    key: { tonic: 'C#', mode: 'minor' },
    bass: 'bass:sub',
    lead: 'lead:bell',
    kits: ['electronic', 'acoustic'],
  },
  {
    text: 'Funk jam, slap bass, tight drums, brass section, 106 bpm',
    bpm: 106,
    bass: 'bass:finger',
    lead: 'lead:brass',
    drums: true,
    kits: ['acoustic'],
  },
  {
    text: 'soulful motown groove with hammond organ in E flat major',
    key: { tonic: 'Eb', mode: 'major' },
    chords: 'chords:organ',
    kits: ['acoustic'],
  },
  { text: 'Reggae, offbeat guitar, relaxed', chords: guitar },
  {
    text: 'background music for a product video, upbeat and positive, 115 bpm, ukulele or guitar',
    bpm: 115,
    chords: guitar,
  },
  { text: 'tense suspense underscore, low cello, no drums, slow', bass: 'bass:bowed', drums: false },
  {
    text: 'my cat is chasing butterflies: playful flute and marimba over strings, 126 bpm',
    bpm: 126,
    lead: 'lead:flute|lead:bell',
    chords: 'chords:strings',
  },
  {
    text: 'eine ruhige Melodie, piano, 80 bpm, A minor, bitte ohne Eile',
    bpm: 80,
    key: { tonic: 'A', mode: 'minor' },
    chords: piano,
  },
];

const semitones: Record<string, number> = { C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11 };

/** 'F#' → 6; 'Bb' → 10 */
export function pitchClass(name: string): number {
  const base = semitones[name[0] ?? ''] ?? 0;
  return (base + (name[1] === '#' ? 1 : name[1] === 'b' ? 11 : 0)) % 12;
}
