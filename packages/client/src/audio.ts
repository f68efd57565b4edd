import type { AudioFormat, Inspection, Peaks } from '@musicgen/contract';
import { taskPath } from './tasks.ts';
import type { CallOptions, Transport } from './transport.ts';

export interface AudioOptions {
  /** That of the request when absent. */
  format?: AudioFormat | undefined;
}

export function audioCalls({ json, send, url }: Transport) {
  return {
    /** The music of a finished task: read the answer with `blob()`, `arrayBuffer()` or as a stream. */
    getAudio(id: string, { format, signal }: AudioOptions & CallOptions = {}): Promise<Response> {
      const headers = { Accept: 'audio/*, application/problem+json' };
      return send({ path: taskPath(id, 'audio'), query: { format }, headers, signal });
    },

    /** The waveform as numbers, as wavesurfer.js takes them. */
    getPeaks(id: string, { points, signal }: CallOptions & { points?: number } = {}): Promise<Peaks> {
      return json({ path: taskPath(id, 'peaks'), query: { points }, signal });
    },

    /** The waveform as SVG. */
    getWaveform(id: string, { signal }: CallOptions = {}): Promise<Response> {
      return send({ path: taskPath(id, 'waveform.svg'), headers: { Accept: '*/*' }, signal });
    },

    /** The spectrogram as PNG. */
    getSpectrogram(id: string, { signal }: CallOptions = {}): Promise<Response> {
      return send({ path: taskPath(id, 'spectrogram.png'), headers: { Accept: '*/*' }, signal });
    },

    /** What an audio file of ours was made from, by its own tags. */
    inspectAudio(
      file: Blob | ArrayBuffer | Uint8Array<ArrayBuffer>,
      { type, signal }: CallOptions & { type: string },
    ): Promise<Inspection> {
      const headers = { 'Content-Type': type };
      return json({ method: 'POST', path: '/api/v1/inspect', body: file, headers, signal });
    },

    /** Addresses for players, pictures and links. They carry no key: a service with keys refuses them. */
    audioUrl: (id: string, { format, download }: AudioOptions & { download?: boolean } = {}) =>
      url(taskPath(id, 'audio'), { format, download: download ? 1 : undefined }),
    peaksUrl: (id: string) => url(taskPath(id, 'peaks')),
    waveformUrl: (id: string) => url(taskPath(id, 'waveform.svg')),
    spectrogramUrl: (id: string) => url(taskPath(id, 'spectrogram.png')),
  };
}
