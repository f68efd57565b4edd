export { peakOf, toDecibels } from './level.ts';
export { encodeWav } from './wav.ts';
