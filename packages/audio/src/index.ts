export { toDecibels } from './level.ts';
export { encodeWav, type WavFile } from './wav.ts';
