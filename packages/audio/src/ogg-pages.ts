// The page format: https://www.rfc-editor.org/rfc/rfc3533#section-6

export interface OggPage {
  /** 1: begins within a packet, 2: first of its stream, 4: last of its stream. */
  flags: number;
  /** Where the stream is at the end of the page: samples in Vorbis, 0 for headers, -1 where no packet ends. */
  granule: bigint;
  serial: number;
  sequence: number;
  segments: Buffer[];
}

export const pageHeaderBytes = 27;

/** How long the parts of a page are, from its first 27 bytes: first the table of segments, then what it lists. */
export function segmentCountOf(header: Buffer): number | undefined {
  return header.toString('latin1', 0, 4) === 'OggS' ? header.readUInt8(26) : undefined;
}

/** The pages of a whole stream. @throws Error where there is no page. */
export function* readPages(stream: Buffer): Generator<OggPage> {
  let offset = 0;
  while (offset < stream.length) {
    const header = stream.subarray(offset, offset + pageHeaderBytes);
    const count = segmentCountOf(header);
    if (count === undefined) throw new Error(`There is no Ogg page at byte ${offset}.`);
    offset += pageHeaderBytes + count;
    const segments = [...stream.subarray(offset - count, offset)].map((length) => {
      offset += length;
      return stream.subarray(offset - length, offset);
    });
    yield {
      flags: header.readUInt8(5),
      granule: header.readBigInt64LE(6),
      serial: header.readUInt32LE(14),
      sequence: header.readUInt32LE(18),
      segments,
    };
  }
}

export function writePage({ flags, granule, serial, sequence, segments }: OggPage): Buffer {
  const header = Buffer.alloc(pageHeaderBytes);
  header.write('OggS', 'latin1');
  header.writeUInt8(flags, 5);
  header.writeBigInt64LE(granule, 6);
  header.writeUInt32LE(serial, 14);
  header.writeUInt32LE(sequence, 18);
  header.writeUInt8(segments.length, 26);
  const page = Buffer.concat([header, Buffer.from(segments.map(({ length }) => length)), ...segments]);
  page.writeUInt32LE(checksumOf(page), 22);
  return page;
}

/** CRC-32 with the polynomial 0x04c11db7, neither reflected nor inverted, over a page whose own field is 0. */
function checksumOf(page: Buffer): number {
  let checksum = 0;
  for (const byte of page) checksum = (checksum << 8) ^ (checksumTable[(checksum >>> 24) ^ byte] as number);
  return checksum >>> 0;
}

const checksumTable = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit++) value = value < 0 ? (value << 1) ^ 0x04c1_1db7 : value << 1;
  return value;
});
