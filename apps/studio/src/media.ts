import type { AudioFormat } from '@musicgen/client';
import { apiKey, service } from './service.ts';

/** Addresses of what was fetched with a key, the latest used last. */
const fetched = new Map<string, Promise<string>>();
const mostFetched = 24;

/**
 * An address that an element can play or show. Elements cannot send a key: with one, the whole is fetched and given to them as
 * a `blob:`; without, they load by themselves, so that a long piece starts at once.
 */
async function addressOf(name: string, direct: () => string, get: () => Promise<Response>): Promise<string> {
  if (apiKey.value === '') return direct();
  const address =
    fetched.get(name) ?? get().then(async (response) => URL.createObjectURL(await response.blob()));
  fetched.delete(name);
  fetched.set(name, address);
  address.catch(() => fetched.delete(name));
  for (const [oldest, url] of fetched) {
    if (fetched.size <= mostFetched) break;
    fetched.delete(oldest);
    void url.then(URL.revokeObjectURL);
  }
  return address;
}

/** The original streams; what has to come whole comes small. */
export function audioAddress(id: string): Promise<string> {
  const format: AudioFormat = apiKey.value === '' ? 'wav' : 'mp3';
  return addressOf(
    `${id} audio`,
    () => service.value.audioUrl(id, { format }),
    () => service.value.getAudio(id, { format }),
  );
}

export function spectrogramAddress(id: string): Promise<string> {
  return addressOf(
    `${id} spectrogram`,
    () => service.value.spectrogramUrl(id),
    () => service.value.getSpectrogram(id),
  );
}

/** Saves a piece as a file; rejects where it cannot be had. */
export async function download(id: string, format: AudioFormat, fileName: string): Promise<void> {
  const response = await service.value.getAudio(id, { format });
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = address;
  link.download = fileName;
  link.click();
  // The browser has its own hold on it once the download has begun.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Something that sounds and can be silenced. */
interface Sounding {
  pause(): void;
}

let sounding: Sounding | undefined;

/** Two pieces at once are noise: whoever starts silences the one before. The returned function is for whoever falls silent. */
export function takeTheFloor(next: Sounding): () => void {
  const before = sounding;
  sounding = next;
  if (before !== next) before?.pause();
  return () => {
    if (sounding === next) sounding = undefined;
  };
}

/** Has an audio element keep to that; the returned function silences it for good. */
export function onlyOnePlays(audio: HTMLMediaElement): () => void {
  const start = () => takeTheFloor(audio);
  audio.addEventListener('play', start);
  return () => {
    audio.pause();
    audio.removeEventListener('play', start);
  };
}

/** The name of a downloaded file: the prompt's first words and the beginning of the id, so that nothing overwrites another. */
export function fileNameOf(prompt: string, id: string, format: AudioFormat): string {
  const words = prompt
    .normalize('NFC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '');
  const start = [...words].slice(0, 40).join('').replace(/-$/, '') || 'music';
  return `${start}-${id.slice(-6)}.${format}`;
}
