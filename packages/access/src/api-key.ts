import { createHash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** 32 characters of 62 are 190 bits. */
const randomLength = 32;
/** 62^6 > 2^32, so a CRC-32 fits. */
const checksumLength = 6;

const pattern = new RegExp(`^mgk_([0-9A-Za-z]{${randomLength}})([0-9A-Za-z]{${checksumLength}})$`);

/**
 * A new API key: `mgk_`, 190 random bits, a checksum. The prefix lets secret scanners find a key that leaked into a
 * repository, and the checksum tells a mistyped key from a revoked one without asking anybody; GitHub's tokens are made
 * the same way: https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
 */
export function createApiKey(): string {
  const random = Array.from({ length: randomLength }, () => alphabet[randomInt(alphabet.length)]).join('');
  return `mgk_${random}${checksumOf(random)}`;
}

/** Whether a text can be a key of ours at all: its form and its checksum are right. */
export function isWellFormed(presented: string): boolean {
  const [, random, checksum] = pattern.exec(presented) ?? [];
  return random !== undefined && checksum === checksumOf(random);
}

/**
 * What is stored of a key: its SHA-256. The slow, salted hashes that passwords need protect what people can guess;
 * nobody guesses 190 random bits, and a slow hash on every request would only help whoever wants to keep us busy.
 */
export function hashApiKey(presented: string): Buffer {
  return createHash('sha256').update(presented).digest();
}

function checksumOf(random: string): string {
  let rest = crc32(random);
  let text = '';
  for (let digit = 0; digit < checksumLength; digit++) {
    text = `${alphabet[rest % alphabet.length]}${text}`;
    rest = Math.floor(rest / alphabet.length);
  }
  return text;
}
