import { join } from 'node:path';
import { readCodes, readLayout } from './layout.ts';
import { bestScaleShare, codeFacts, scaleShare } from './score-codes.ts';

const layout = readLayout(join(import.meta.dirname, '../../../models/musicgen-micro'));

/** Four bars of the first metre class: a kick on every step, a held C major chord, a bass on the tonic, no lead. */
function plainCodes({ wrongFrame }: { wrongFrame?: number } = {}): Uint16Array {
  const metre = layout.metres[0] as (typeof layout.metres)[number];
  const chords = layout.chords.length;
  const struck = 12 * chords * layout.chord_instruments.length;
  const kick = layout.hits.findIndex(
    ([kickHit, ...others]) => kickHit === 1 && others.every((hit) => hit === 0),
  );
  const bassRows = layout.bass.pitches * layout.bass.timbres.length;
  const tonic = -layout.bass.low * layout.bass.timbres.length;
  const frames = Array.from({ length: 4 * metre.bar_frames }, (_, frame) => {
    const place = frame % metre.bar_frames;
    const isStep = metre.step_frames.includes(place) && frame !== wrongFrame;
    const clock = isStep ? 1 + kick : layout.step_tokens + place;
    const isFirst = frame === 0;
    return [
      clock,
      isFirst ? 0 : struck,
      isFirst ? tonic : bassRows + tonic,
      2 * 32 * layout.lead.timbres.length,
    ];
  });
  return Uint16Array.from(frames.flat());
}

test('a plain piece in C is read as what it is', () => {
  const facts = codeFacts(readCodes(plainCodes(), layout), layout);
  const metre = layout.metres[0] as (typeof layout.metres)[number];
  expect(facts).toMatchObject({
    clockValid: 1,
    beatAdvances: 1,
    onGrid: 1,
    holdStable: 1,
    hitShare: 1,
    key: 0,
    kit: layout.kits[1],
    chords: layout.chord_instruments[0],
    bass: layout.bass.timbres[0],
    lead: 'none',
  });
  expect(facts.bpm).toBeCloseTo((60 * layout.frame_rate * metre.beats) / metre.bar_frames);
  expect(scaleShare(facts.pitchClasses, 0, 'major')).toBeCloseTo(1);
  expect(scaleShare(facts.pitchClasses, 6, 'major')).toBeLessThan(0.5);
  expect(bestScaleShare(facts.pitchClasses)).toBeCloseTo(1);
});

test('a step that is missing counts as a broken clock', () => {
  const metre = layout.metres[0] as (typeof layout.metres)[number];
  const wrongFrame = metre.bar_frames + (metre.step_frames[3] as number);
  expect(codeFacts(readCodes(plainCodes({ wrongFrame }), layout), layout).clockValid).toBeLessThan(1);
});
