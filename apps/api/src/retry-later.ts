import { type ErrorCode, ServiceError } from '@musicgen/contract';

/** A refusal that passes by itself, with the time after which it does. */
export class RetryLater extends ServiceError {
  readonly retryAfterSeconds: number;

  constructor(code: ErrorCode, message: string, { retryAfterSeconds }: { retryAfterSeconds: number }) {
    super(code, message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
