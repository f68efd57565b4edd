import { audioFacts, audioPitchClasses, audioTempo } from './score-audio.ts';

const sampleRate = 32_000;

function render(seconds: number, sampleAt: (time: number) => number): Float32Array {
  return Float32Array.from({ length: seconds * sampleRate }, (_, index) => sampleAt(index / sampleRate));
}

test('the tempo of a click track is found', () => {
  const clicks = render(10, (time) => {
    const sinceClick = time % 0.5;
    return Math.exp(-sinceClick * 60) * Math.sin(2 * Math.PI * 1000 * time);
  });
  expect(audioTempo(clicks, sampleRate)).toBeCloseTo(120, 0);
});

test('a tone of 440 Hz is an A', () => {
  const tone = render(2, (time) => 0.5 * Math.sin(2 * Math.PI * 440 * time));
  expect(audioPitchClasses(tone, sampleRate)[9]).toBeGreaterThan(0.95);
});

test('silence is told from sound', () => {
  const halfSilent = render(9, (time) => (time < 4.5 ? 0 : 0.5 * Math.sin(2 * Math.PI * 200 * time)));
  const facts = audioFacts(halfSilent, sampleRate);
  expect(facts.silentBlocks).toBeCloseTo(0.5, 1);
  expect(facts).toMatchObject({ isFinite: true, clipped: 0 });
  expect(facts.rms).toBeCloseTo(0.25, 2);
});
