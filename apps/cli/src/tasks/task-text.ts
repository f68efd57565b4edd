import type { Task } from '@musicgen/client';
import { formatAge, formatBytes, formatSeconds, plainLine } from '../format.ts';

/** `10.00 s, 32 kHz mono, 640 kB, made in 3.1 s by musicgen-micro, seed 7`. */
export function describeResult({ request, result, timings }: Task): string {
  if (result === null) return '';
  const { duration, sample_rate: rate, channels, bytes, model } = result;
  return [
    `${duration.toFixed(2)} s`,
    `${rate / 1000} kHz ${channels === 1 ? 'mono' : 'stereo'}`,
    `${formatBytes(bytes)} as WAV`,
    `made in ${(timings.processing ?? 0).toFixed(1)} s by ${model}`,
    `seed ${request.seed}`,
  ].join(', ');
}

/** Everything about one task that people ask for, in rows of name and value. */
export function taskRows(task: Task): [string, string][] {
  const { request, result, error } = task;
  const optional = [
    'negative_prompt',
    'temperature',
    'top_k',
    'top_p',
    'guidance_scale',
    'fade_out',
  ] as const;
  const rows: [string, string | undefined][] = [
    ['id', task.id],
    ['status', describeStatus(task)],
    ['prompt', plainLine(request.prompt)],
    ['duration', `${request.duration} s`],
    ['seed', String(request.seed)],
    ['model', result?.model ?? request.model],
    ['priority', task.priority],
    ...optional.map((name): [string, string | undefined] => [name, textOf(request[name])]),
    ['attempt', `${task.attempt} of ${task.max_attempts}`],
    ['created', `${task.created_at} (${formatAge(task.created_at)})`],
    ['finished', task.finished_at ?? undefined],
    ['expires', task.expires_at],
    ['result', result ? describeResult(task) : undefined],
    ['loudness', result?.loudness_lufs == null ? undefined : `${result.loudness_lufs.toFixed(1)} LUFS`],
    ['samples', result?.samples_sha256],
    ['error', error ? `${error.detail} (${error.code})` : undefined],
    ...task.warnings.map((warning): [string, string] => ['warning', plainLine(warning)]),
  ];
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as [string, string]]));
}

function textOf(value: string | number | undefined): string | undefined {
  return value === undefined ? undefined : plainLine(String(value));
}

/** `pending, 2 ahead, ready in 12 s`. */
export function describeStatus({ status, stage, progress, queue, eta }: Task, now = Date.now()): string {
  const parts: string[] = [status];
  if (queue) parts.push(`${queue.ahead} ahead`);
  if (stage && status === 'processing') parts.push(stage.replaceAll('_', ' '));
  if (progress && status === 'processing') parts.push(`${Math.floor(progress.ratio * 100)} %`);
  if (eta?.finish_at && (status === 'pending' || status === 'processing'))
    parts.push(`ready in ${formatSeconds((Date.parse(eta.finish_at) - now) / 1000)}`);
  return parts.join(', ');
}
