import type { AudioFormat, Inspection, Peaks, Upload } from '@musicgen/contract';
import { taskPath, unlessDoneBefore } from './tasks.ts';
import type { CallOptions, Transport } from './transport.ts';

export interface AudioOptions {
  /** That of the request when absent. */
  format?: AudioFormat | undefined;
  /** What a running task has made so far, as WAV, where it was submitted with `preview`. */
  preview?: boolean | undefined;
}

type AudioFile = Blob | ArrayBuffer | Uint8Array<ArrayBuffer>;

export function audioCalls({ json, send, url }: Transport) {
  return {
    /** The music of a finished task: read the answer with `blob()`, `arrayBuffer()` or as a stream. */
    getAudio(
      id: string,
      { format, preview = false, signal }: AudioOptions & CallOptions = {},
    ): Promise<Response> {
      const headers = { Accept: 'audio/*, application/problem+json' };
      const query = { format, preview: preview ? 1 : undefined };
      return send({ path: taskPath(id, 'audio'), query, headers, signal });
    },

    /** Sends a WAV file to go on from: `continue_from: { upload_id: id }`. It is kept a day longer than a task, or `ttlSeconds`. */
    uploadAudio(
      wav: AudioFile,
      { ttlSeconds, signal }: CallOptions & { ttlSeconds?: number } = {},
    ): Promise<Upload> {
      const headers = { 'Content-Type': 'audio/wav' };
      const query = { ttl: ttlSeconds };
      return json({ method: 'POST', path: '/api/v1/uploads', body: wav, headers, query, signal });
    },

    async deleteUpload(id: string, { signal }: CallOptions = {}): Promise<void> {
      const path = `/api/v1/uploads/${encodeURIComponent(id)}`;
      await send({ method: 'DELETE', path, signal }).catch(unlessDoneBefore);
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
    inspectAudio(file: AudioFile, { type, signal }: CallOptions & { type: string }): Promise<Inspection> {
      const headers = { 'Content-Type': type };
      return json({ method: 'POST', path: '/api/v1/inspect', body: file, headers, signal });
    },

    /** Addresses for players, pictures and links. They carry no key: a service with keys refuses them. */
    audioUrl: (
      id: string,
      { format, preview = false, download = false }: AudioOptions & { download?: boolean } = {},
    ) =>
      url(taskPath(id, 'audio'), {
        format,
        preview: preview ? 1 : undefined,
        download: download ? 1 : undefined,
      }),
    peaksUrl: (id: string) => url(taskPath(id, 'peaks')),
    waveformUrl: (id: string) => url(taskPath(id, 'waveform.svg')),
    spectrogramUrl: (id: string) => url(taskPath(id, 'spectrogram.png')),
  };
}
