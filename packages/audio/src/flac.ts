import openFlac from 'libflacjs';
import type { DecodedAudio } from './decode-wav.ts';
import { blocksOf } from './sample-blocks.ts';
import type { Tag } from './tags.ts';
import { writeVorbisComment } from './vorbis-comment.ts';

const bitsPerSample = 16;
const fullScale = 0x8000;
/** libFLAC's own default: the higher levels take much longer for a percent. */
const compressionLevel = 5;

const streamInfoBytes = 34;
const md5Offset = 18;
const blockTypes = { streamInfo: 0, vorbisComment: 4 };
const lastBlock = 0x80;

type Flac = ReturnType<typeof openFlac>;

/**
 * Encodes 16-bit FLAC with the number of samples and their MD5 in the header.
 *
 * libFLAC fills both in at the end by seeking back, which its JavaScript build cannot, so the header is written here:
 * STREAMINFO as the encoder reports it, then our comments (https://www.rfc-editor.org/rfc/rfc9639).
 */
export async function encodeFlac(audio: DecodedAudio, tags: readonly Tag[]): Promise<Buffer> {
  const flac = openFlac('release');
  if (!flac.isReady()) await new Promise<void>((resolve) => flac.on('ready', () => resolve()));
  const { stream, md5 } = runEncoder(flac, audio);
  const { streamInfo, frames } = splitStream(stream);
  Buffer.from(md5, 'hex').copy(streamInfo, md5Offset);
  return Buffer.concat([
    Buffer.from('fLaC', 'latin1'),
    metadataBlock(blockTypes.streamInfo, streamInfo),
    metadataBlock(lastBlock | blockTypes.vorbisComment, writeVorbisComment(tags)),
    frames,
  ]);
}

function runEncoder(flac: Flac, { samples, sampleRate }: DecodedAudio): { stream: Buffer; md5: string } {
  const total = samples[0]?.length ?? 0;
  const encoder = flac.create_libflac_encoder(
    sampleRate,
    samples.length,
    bitsPerSample,
    compressionLevel,
    total,
    false,
  );
  const parts: Uint8Array[] = [];
  let md5 = '';
  const started = flac.init_encoder_stream(
    encoder,
    (data) => void parts.push(data),
    (metadata) => {
      md5 = metadata?.md5sum ?? md5;
    },
  );
  if (started !== 0) throw new Error(`libFLAC cannot encode this audio (status ${started}).`);
  for (const block of blocksOf(samples)) {
    flac.FLAC__stream_encoder_process(encoder, block.map(toIntegers), block[0]?.length ?? 0);
  }
  const finished = flac.FLAC__stream_encoder_finish(encoder);
  flac.FLAC__stream_encoder_delete(encoder);
  if (!finished) throw new Error('libFLAC could not finish the file.');
  return { stream: Buffer.concat(parts), md5 };
}

function toIntegers(samples: Float32Array): Int32Array<ArrayBuffer> {
  const integers = new Int32Array(samples.length);
  for (let index = 0; index < samples.length; index++) {
    const value = Math.round((samples[index] as number) * fullScale);
    integers[index] = Math.max(-fullScale, Math.min(fullScale - 1, value));
  }
  return integers;
}

/** Takes the encoder's stream apart: its own comment block, which names only libFLAC, is left out. */
function splitStream(stream: Buffer): { streamInfo: Buffer; frames: Buffer } {
  let offset = 4;
  for (;;) {
    const header = stream.readUInt32BE(offset);
    offset += 4 + (header & 0xff_ffff);
    if (header >>> 31 === 1) break;
  }
  return {
    streamInfo: Buffer.from(stream.subarray(8, 8 + streamInfoBytes)),
    frames: stream.subarray(offset),
  };
}

function metadataBlock(type: number, content: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(content.length);
  header[0] = type;
  return Buffer.concat([header, content]);
}
