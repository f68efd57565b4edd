import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { AudioFormat, Provenance } from '@musicgen/contract';
import { type DecodedAudio, decodeWav } from './decode-wav.ts';
import { toDecibels } from './level.ts';
import { integratedLoudness } from './loudness.ts';
import { findPeaks } from './peaks.ts';
import { readProvenance } from './read-provenance.ts';
import { drawSpectrogram } from './spectrogram.ts';
import { type Tag, tagsOf } from './tags.ts';
import { encodeWav } from './wav.ts';
import { drawWaveform } from './waveform.ts';

/** To be raised whenever a rendition of the same WAV file would come out with other bytes. */
export const renditionRevision = 1;

/** Every file that is made from a stored WAV file. */
export type Rendition = Exclude<AudioFormat, 'wav'> | 'peaks' | 'waveform' | 'spectrogram';

/** Samples that are to become files. */
export interface FinishJob {
  /** `[channels][samples]` */
  samples: Float32Array[];
  sampleRate: number;
  /** Written into the files; absent: no tags. */
  provenance?: Provenance;
  /** A second format that is wanted at once. */
  format: AudioFormat;
}

export interface FinishedPiece {
  wav: Uint8Array;
  /** In the second format, unless that is WAV. */
  other?: Uint8Array;
  peakDbfs: number | null;
  loudnessLufs: number | null;
  /** Of the audio alone, as 16-bit little-endian samples: the same for the same music, whatever the tags say. */
  samplesSha256: string;
}

export async function finishPiece({
  samples,
  sampleRate,
  provenance,
  format,
}: FinishJob): Promise<FinishedPiece> {
  const tags = provenance === undefined ? [] : tagsOf(provenance);
  const { file, peak, audioBytes } = encodeWav(samples, sampleRate, tags);
  // What is measured and encoded further is what is in the file: rounded, and made quieter where it was too loud.
  const audio = decodeWav(file);
  return {
    wav: file,
    other: format === 'wav' ? undefined : await encoders[format](audio, tags),
    peakDbfs: toDecibels(peak),
    loudnessLufs: integratedLoudness(audio.samples, sampleRate),
    samplesSha256: createHash('sha256').update(audioBytes).digest('hex'),
  };
}

/** Makes a rendition of a WAV file of ours; its tags go over into other audio formats. */
export async function render(wav: Uint8Array, rendition: Rendition): Promise<Uint8Array> {
  const audio = decodeWav(wav);
  const { samples, sampleRate } = audio;
  switch (rendition) {
    case 'peaks':
      return Buffer.from(JSON.stringify(findPeaks(samples, sampleRate)));
    case 'waveform':
      return Buffer.from(drawWaveform(samples, sampleRate));
    case 'spectrogram':
      return drawSpectrogram(samples, sampleRate);
    case 'flac':
    case 'mp3':
    case 'ogg': {
      const { made_by } = await readProvenance(Readable.from([wav]));
      return encoders[rendition](audio, made_by === null ? [] : tagsOf(made_by));
    }
    default:
      return rendition satisfies never;
  }
}

type Encoder = (audio: DecodedAudio, tags: readonly Tag[]) => Promise<Buffer>;

/** Loaded when needed: the encoders are large, and a picture needs none. */
const encoders: Record<Exclude<AudioFormat, 'wav'>, Encoder> = {
  flac: async (audio, tags) => (await import('./flac.ts')).encodeFlac(audio, tags),
  mp3: async (audio, tags) => (await import('./mp3.ts')).encodeMp3(audio, tags),
  ogg: async (audio, tags) => (await import('./ogg.ts')).encodeOgg(audio, tags),
};
