import { integratedLoudness, kWeighting } from './loudness.ts';

// Once, as Jest's sandbox makes every use of a global slow.
const { sin, PI } = Math;

interface Section {
  seconds: number;
  peakDbfs: number;
}

/** A sine whose level changes, in as many equal channels as asked for. */
function sine({
  sections,
  sampleRate = 48_000,
  frequency = 1000,
  channels = 2,
}: {
  sections: Section[];
  sampleRate?: number;
  frequency?: number;
  channels?: number;
}) {
  const total = sections.reduce((sum, { seconds }) => sum + Math.round(seconds * sampleRate), 0);
  const channel = new Float32Array(total);
  let index = 0;
  for (const { seconds, peakDbfs } of sections) {
    const amplitude = 10 ** (peakDbfs / 20);
    const end = index + Math.round(seconds * sampleRate);
    for (; index < end; index++) channel[index] = amplitude * sin((2 * PI * frequency * index) / sampleRate);
  }
  return Array.from({ length: channels }, () => channel);
}

// EBU Tech 3341 v4, table 1, cases 1 to 5: expected within 0.1 LU.
test.each([
  ['1: -23 dBFS', [{ seconds: 20, peakDbfs: -23 }], -23],
  ['2: -33 dBFS', [{ seconds: 20, peakDbfs: -33 }], -33],
  [
    '3: the relative gate leaves out quiet beginnings and ends',
    [
      { seconds: 10, peakDbfs: -36 },
      { seconds: 60, peakDbfs: -23 },
      { seconds: 10, peakDbfs: -36 },
    ],
    -23,
  ],
  [
    '4: the absolute gate leaves out near silence',
    [
      { seconds: 10, peakDbfs: -72 },
      { seconds: 10, peakDbfs: -36 },
      { seconds: 60, peakDbfs: -23 },
      { seconds: 10, peakDbfs: -36 },
      { seconds: 10, peakDbfs: -72 },
    ],
    -23,
  ],
  [
    '5: what is above the gate is averaged by power',
    [
      { seconds: 20, peakDbfs: -26 },
      { seconds: 20.1, peakDbfs: -20 },
      { seconds: 20, peakDbfs: -26 },
    ],
    -23,
  ],
])('EBU Tech 3341 case %s', (_name, sections, expected) => {
  expect(Math.abs(Number(integratedLoudness(sine({ sections }), 48_000)) - expected)).toBeLessThan(0.1);
});

test.each([8_000, 24_000, 32_000, 44_100, 48_000, 96_000])(
  'a full-scale sine of 997 Hz in one channel has -3.01 LUFS at %d Hz',
  (sampleRate) => {
    const sections = [{ seconds: 2, peakDbfs: 0 }];
    const loudness = integratedLoudness(
      sine({ sections, sampleRate, frequency: 997, channels: 1 }),
      sampleRate,
    );
    expect(Math.abs(Number(loudness) + 3.01)).toBeLessThan(0.1);
  },
);

test('at 48 kHz the filters are those of BS.1770-4, tables 1 and 2', () => {
  const [shelf, highPass] = kWeighting(48_000);
  const table1 = {
    b0: 1.53512485958697,
    b1: -2.69169618940638,
    b2: 1.19839281085285,
    a1: -1.69065929318241,
    a2: 0.73248077421585,
  };
  const table2 = { b0: 1, b1: -2, b2: 1, a1: -1.99004745483398, a2: 0.99007225036621 };
  for (const [filter, table] of [
    [shelf, table1],
    [highPass, table2],
  ] as const) {
    for (const name of ['b0', 'b1', 'b2', 'a1', 'a2'] as const)
      expect(filter[name]).toBeCloseTo(table[name], 6);
  }
});

test('silence and what is shorter than a block have no loudness', () => {
  expect(integratedLoudness([new Float32Array(48_000)], 48_000)).toBeNull();
  expect(integratedLoudness([Float32Array.of(1, 1, 1)], 48_000)).toBeNull();
});
