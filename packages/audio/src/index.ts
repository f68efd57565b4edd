export { type DecodedAudio, decodeWav } from './decode-wav.ts';
export { toDecibels } from './level.ts';
export { encodeWav, type WavFile } from './wav.ts';
