import { createOggEncoder } from 'wasm-media-encoders';
import type { DecodedAudio } from './decode-wav.ts';
import { type OggPage, readPages, writePage } from './ogg-pages.ts';
import { blocksOf } from './sample-blocks.ts';
import type { Tag } from './tags.ts';
import { writeVorbisComment } from './vorbis-comment.ts';

/** Vorbis' own scale: about 110 kbit/s a stereo piece at 32 kHz; above it listeners hear no difference. */
const quality = 6;
/** Of the stream within the file; any number does, and a fixed one makes the same file from the same audio. */
const serial = 1;

/** Encodes Ogg Vorbis with our comments in place of the encoder's. */
export async function encodeOgg(
  { samples, sampleRate }: DecodedAudio,
  tags: readonly Tag[],
): Promise<Buffer> {
  const encoder = await createOggEncoder();
  const channels = samples.length === 1 ? 1 : 2;
  encoder.configure({ channels, sampleRate, vbrQuality: quality, oggSerialNo: serial });
  const parts: Uint8Array[] = [];
  // The encoder uses its output buffer again.
  for (const block of blocksOf(samples)) parts.push(encoder.encode(block).slice());
  parts.push(encoder.finalize().slice());
  return withComment(Buffer.concat(parts), commentPacket(tags));
}

/** https://xiph.org/vorbis/doc/Vorbis_I_spec.html#x1-590004.2: type 3, `vorbis`, the list, a framing bit. */
function commentPacket(tags: readonly Tag[]): Buffer {
  return Buffer.concat([Buffer.from('\x03vorbis', 'latin1'), writeVorbisComment(tags), Buffer.of(1)]);
}

/**
 * The stream with another comment packet. The second packet is the comment, the third the setup; both end before the
 * first page of audio, so only these pages are laid out anew, and the numbers of the following ones shift.
 */
function withComment(stream: Buffer, comment: Buffer): Buffer {
  const pages = [...readPages(stream)];
  const [first, ...rest] = pages;
  if (first === undefined) throw new Error('The Vorbis encoder wrote nothing.');
  const headerPages = rest.slice(
    0,
    rest.findIndex((page) => page.granule !== 0n),
  );
  const [, setup] = packetsOf(headerPages);
  if (setup === undefined) throw new Error('The Vorbis encoder wrote no setup header.');
  const audioPages = rest.slice(headerPages.length);
  const all = [first, ...pagesFor([comment, setup]), ...audioPages];
  return Buffer.concat(all.map((page, sequence) => writePage({ ...page, sequence })));
}

/** Packets end where a segment has fewer than 255 bytes. */
function packetsOf(pages: readonly OggPage[]): Buffer[] {
  const packets: Buffer[] = [];
  let parts: Buffer[] = [];
  for (const { segments } of pages) {
    for (const segment of segments) {
      parts.push(segment);
      if (segment.length === 255) continue;
      packets.push(Buffer.concat(parts));
      parts = [];
    }
  }
  return packets;
}

const segmentsOfPage = 255;
const continued = 1;

function pagesFor(packets: readonly Buffer[]): Omit<OggPage, 'sequence'>[] {
  const segments = packets.flatMap(segmentsFor);
  const pages: Omit<OggPage, 'sequence'>[] = [];
  for (let start = 0; start < segments.length; start += segmentsOfPage) {
    const flags = segments[start - 1]?.length === 255 ? continued : 0;
    const own = segments.slice(start, start + segmentsOfPage);
    // A page on which no packet ends has no time.
    const granule = own.some(({ length }) => length < 255) ? 0n : -1n;
    pages.push({ flags, granule, serial, segments: own });
  }
  return pages;
}

/** A packet whose length is a multiple of 255 ends with an empty segment. */
function segmentsFor(packet: Buffer): Buffer[] {
  const count = Math.floor(packet.length / 255) + 1;
  return Array.from({ length: count }, (_, index) => packet.subarray(index * 255, (index + 1) * 255));
}
