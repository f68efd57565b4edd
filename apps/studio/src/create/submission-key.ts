import type { SubmissionInput } from '@musicgen/client';

/**
 * The idempotency key of a submission. The same request sent again after a failure, whose answer may only have been lost,
 * keeps its key and so makes no second task; a changed request and a request after a success have a new one.
 */
export function createSubmissionKey() {
  let key = draw();
  let usedFor = '';
  return {
    of(request: SubmissionInput): string {
      const fingerprint = JSON.stringify(request);
      if (usedFor !== '' && usedFor !== fingerprint) key = draw();
      usedFor = fingerprint;
      return key;
    },
    renew(): void {
      key = draw();
      usedFor = '';
    },
  };
}

/** 128 random bits. */
function draw(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
