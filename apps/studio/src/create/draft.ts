import type { Priority, SubmissionInput, Task } from '@musicgen/client';
import { maxPromptLength } from '@musicgen/contract';
import { computed, effect, signal } from '@preact/signals';
import { longestSeconds, modelOf } from '../fleet.ts';
import { stored } from '../stored.ts';

/** The audio to go on from. */
export interface Origin {
  from: { task_id: string } | { upload_id: string };
  /** What people call it. */
  name: string;
}

/** The form as it stands. Texts of numbers are kept as they were typed; an empty one leaves the choice to the model. */
export interface Draft {
  prompt: string;
  negativePrompt: string;
  duration: number;
  variations: number;
  seed: string;
  isSeedKept: boolean;
  priority: Priority;
  model: string;
  temperature: string;
  topK: string;
  topP: string;
  guidance: string;
  origin: Origin | null;
}

const blank: Draft = {
  prompt: '',
  negativePrompt: '',
  duration: 10,
  variations: 1,
  seed: '',
  isSeedKept: false,
  priority: 'NORMAL',
  model: '',
  temperature: '',
  topK: '',
  topP: '',
  guidance: '',
  origin: null,
};

/** What was typed last in any tab: a new tab begins with it. */
const latest = stored<Partial<Draft>>('draft', {});
/** Each tab has its own, or what is typed in one would overwrite the other. */
const kept = stored<Partial<Draft>>('draft', latest.peek(), sessionStorage);
effect(() => {
  latest.value = kept.value;
});

/** Kept with every letter, so that no reload and no crash loses anything. */
export const draft = computed<Draft>(() => ({ ...blank, ...kept.value }));

export function change(changes: Partial<Draft>): void {
  kept.value = { ...kept.value, ...changes };
}

/** The recording that is on its way: until it has arrived, what would be submitted is not what was asked for. */
export const originOnItsWay = signal<File | undefined>(undefined);

/** Everything but what was written. */
export function resetSettings(): void {
  const { prompt, seed } = draft.value;
  kept.value = { prompt, seed };
}

/** What is wrong with the prompt, in a sentence; undefined when nothing is. */
export const promptProblem = computed(() => {
  const { length } = draft.value.prompt.trim();
  if (length <= maxPromptLength) return undefined;
  const over = (length - maxPromptLength).toLocaleString('en');
  return `The prompt may have ${maxPromptLength.toLocaleString('en')} characters; shorten it by ${over}.`;
});

/** How long the piece will be: what was chosen, as far as the service allows it, once that is known. */
export const duration = computed(() => Math.min(draft.value.duration, longestSeconds.value ?? Infinity));

/** The draft as the API takes it. */
export function submissionOf(draftNow: Draft): SubmissionInput {
  const { prompt, negativePrompt, variations, seed, isSeedKept, priority, model, origin } = draftNow;
  return {
    prompt: prompt.trim(),
    duration: duration.value,
    priority,
    // Asked for also before the models are known: it does no harm where there is none.
    ...(modelOf(model)?.supports.preview !== false && { preview: true }),
    ...(variations > 1 && { n: variations }),
    ...(isSeedKept && seed !== '' && { seed: Number(seed) }),
    ...(model !== '' && { model }),
    ...(negativePrompt.trim() !== '' && { negative_prompt: negativePrompt.trim() }),
    ...(origin !== null && { continue_from: origin.from }),
    ...numberOf('temperature', draftNow.temperature),
    ...numberOf('top_k', draftNow.topK),
    ...numberOf('top_p', draftNow.topP),
    ...numberOf('guidance_scale', draftNow.guidance),
  };
}

function numberOf<Name extends string>(name: Name, text: string): Partial<Record<Name, number>> {
  return text === '' ? {} : ({ [name]: Number(text) } as Record<Name, number>);
}

/** Puts the request of a task back into the form; its seed is kept where the same piece is meant. */
export function adopt(request: Task['request'], isSeedKept: boolean): void {
  const text = (value: number | undefined) => (value === undefined ? '' : String(value));
  change({
    prompt: request.prompt,
    negativePrompt: request.negative_prompt ?? '',
    duration: request.duration,
    variations: 1,
    seed: String(request.seed),
    isSeedKept,
    priority: request.priority,
    model: request.model ?? '',
    temperature: text(request.temperature),
    topK: text(request.top_k),
    topP: text(request.top_p),
    guidance: text(request.guidance_scale),
    origin: request.continue_from ? { from: request.continue_from, name: 'the audio of that request' } : null,
  });
}
