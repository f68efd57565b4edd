export { type FinishedPiece, type FinishJob, type Rendition, renditionRevision } from './audio-job.ts';
export { type DecodedAudio, decodeWav, describeWav } from './decode-wav.ts';
export { fadeOut } from './fade.ts';
export { hashSamples } from './hash-samples.ts';
export { withFewerPoints } from './peaks.ts';
export { readProvenance } from './read-provenance.ts';
export { finishPieceInThread, renderInThread } from './run-in-thread.ts';
export { encodeWav, type WavFile } from './wav.ts';
