import { type ErrorCode, ServiceError } from '@musicgen/contract';
import type { Response } from 'express';
import type { AppOptions } from './app.ts';
import { callerOf } from './caller.ts';
import { RetryLater } from './retry-later.ts';

type Options = Pick<AppOptions, 'estimator' | 'monitor' | 'producer' | 'queueMaxLength'>;

/** A refusal with the time after which it is likely to have passed, where that can be worked out. */
export async function withTimeToComeAgain(error: unknown, res: Response, options: Options): Promise<unknown> {
  if (!(error instanceof ServiceError)) return error;
  const retryAfterSeconds = await secondsUntilPast(error.code, res, options);
  return retryAfterSeconds === undefined
    ? error
    : new RetryLater(error.code, error.message, { retryAfterSeconds });
}

async function secondsUntilPast(code: ErrorCode, res: Response, options: Options) {
  switch (code) {
    case 'queue_full':
      return options.estimator.secondsUntilRoom(options.queueMaxLength);
    case 'concurrency_limit':
      return secondsUntilOneIsDone(res, options);
    case 'redis_full':
      return secondsUntilMemoryIsFreed(options);
    default:
      return undefined;
  }
}

const longestPauseSeconds = 600;
const unknownPauseSeconds = 10;
/** Of all tasks: when they are gone there is room for some new ones. */
const shareToFree = 0.05;

/** Redis has memory again when finished tasks are removed at the end of their time. */
async function secondsUntilMemoryIsFreed({ monitor }: Options): Promise<number> {
  const at = await monitor.whenOutlived(shareToFree).catch(() => undefined);
  if (at === undefined) return unknownPauseSeconds;
  const seconds = Math.ceil((at - Date.now()) / 1000);
  return Math.min(longestPauseSeconds, Math.max(unknownPauseSeconds, seconds));
}

async function secondsUntilOneIsDone(res: Response, { producer }: Options): Promise<number> {
  const { owner } = callerOf(res);
  const listing = { status: 'processing', limit: 100, ...(owner !== undefined && { owner }) } as const;
  const { tasks } = await producer.list(listing);
  const ends = tasks.flatMap(({ updatedAt, progress }) =>
    progress?.remainingMs === undefined ? [] : [updatedAt + progress.remainingMs],
  );
  if (ends.length === 0) return unknownPauseSeconds;
  const seconds = Math.ceil((Math.min(...ends) - Date.now()) / 1000);
  return Math.min(longestPauseSeconds, Math.max(1, seconds));
}
