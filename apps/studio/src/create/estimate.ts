import type { Estimate } from '@musicgen/client';
import { computed, effect, signal } from '@preact/signals';
import { connection, service } from '../service.ts';
import { now } from '../time.ts';
import { span, timeOfDay } from '../words.ts';
import { draft, duration } from './draft.ts';

/** How long a hand may rest on the slider before the service is asked. */
const settleMs = 200;
const staleMs = 10_000;

const latest = signal<Estimate['eta'] | undefined>(undefined);
const askAgain = signal(0);
/** What the estimate depends on. */
const question = computed(() => {
  const { priority, model } = draft.value;
  return JSON.stringify({ duration: duration.value, priority, ...(model !== '' && { model }) });
});

/** When a piece submitted now would be ready, in words; empty until that is known. */
export const readiness = computed(() => {
  if (latest.value === undefined || connection.value !== 'here') return '';
  const { finish_at } = latest.value;
  if (finish_at === null) return 'No worker takes this now: it would wait for one.';
  const seconds = Math.max(1, (Date.parse(finish_at) - now.value) / 1000);
  const when = seconds < 60 ? '' : `, at ${timeOfDay(Date.parse(finish_at))}`;
  return `Ready in about ${span(seconds)}${when}`;
});

/** Keeps the estimate up with the form, as long as the form is on the page. */
export function watchEstimate(): () => void {
  const timer = setInterval(() => {
    if (!document.hidden) askAgain.value += 1;
  }, staleMs);
  const stop = effect(() => {
    askAgain.value;
    const asked = question.value;
    const { value: client } = service;
    const call = new AbortController();
    const settled = setTimeout(async () => {
      try {
        // The prompt has no part in it.
        latest.value = (
          await client.estimate({ prompt: '-', ...JSON.parse(asked) }, { signal: call.signal })
        ).eta;
      } catch {
        if (!call.signal.aborted) latest.value = undefined;
      }
    }, settleMs);
    return () => {
      clearTimeout(settled);
      call.abort();
    };
  });
  return () => {
    clearInterval(timer);
    stop();
  };
}
