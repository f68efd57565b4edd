import { type AudioFormat, audioFormatNames, audioFormats } from '@musicgen/contract';

/** Every media type that means one of our formats; our own comes before other names for the same thing. */
export const formatOfType: Readonly<Record<string, AudioFormat>> = {
  ...Object.fromEntries(audioFormatNames.map((name) => [audioFormats[name], name])),
  'audio/x-wav': 'wav',
  'audio/wave': 'wav',
  'audio/vnd.wave': 'wav',
  'audio/x-flac': 'flac',
  'audio/mp3': 'mp3',
  'application/ogg': 'ogg',
};
