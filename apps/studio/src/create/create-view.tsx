import { maxVariations } from '@musicgen/contract';
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from '../icon.tsx';
import { Failure } from '../notice.tsx';
import { RunningList } from '../now/running-list.tsx';
import { linkTo } from '../route.ts';
import { submit } from '../tasks.ts';
import { useAction } from '../use-action.ts';
import { Advanced } from './advanced.tsx';
import { change, draft, originOnItsWay, promptProblem, submissionOf } from './draft.ts';
import { watchEstimate } from './estimate.ts';
import { LengthField } from './length-field.tsx';
import { Origin } from './origin.tsx';
import { PromptField } from './prompt-field.tsx';
import { SeedField } from './seed-field.tsx';
import { Stepper } from './stepper.tsx';
import { createSubmissionKey } from './submission-key.ts';

/** Where music is asked for, and what becomes of it beside. */
export function CreateView() {
  useEffect(watchEstimate, []);
  return (
    <div class="create">
      <Composer />
      <aside class="beside" aria-labelledby="beside-title">
        <div class="row spread">
          <h2 id="beside-title">Now</h2>
          <a class="quiet-link" href={linkTo('now')}>
            Show all
          </a>
        </div>
        <RunningList isCompact />
      </aside>
    </div>
  );
}

function Composer() {
  const { variations } = draft.value;
  const wasEmpty = useSignal(false);
  const submissionKey = useRef(createSubmissionKey()).current;
  const { run, isBusy, error } = useAction(async () => {
    if (originOnItsWay.value !== undefined) return;
    const request = submissionOf(draft.value);
    wasEmpty.value = request.prompt === '';
    if (wasEmpty.value || promptProblem.value !== undefined) return focusPrompt();
    const [first] = await submit(request, submissionKey.of(request));
    submissionKey.renew();
    // One that is kept may have been changed meanwhile.
    if (first && !draft.value.isSeedKept) change({ seed: String(first.request.seed) });
  });

  return (
    <form
      class="composer"
      aria-label="Create music"
      onSubmit={(event) => {
        event.preventDefault();
        run();
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) run();
      }}
    >
      <h1>What should it sound like?</h1>
      <PromptField isEmpty={wasEmpty.value && draft.value.prompt.trim() === ''} />
      <div class="panel settings">
        <LengthField />
        <div class="pair">
          <Stepper
            label="Variations"
            value={variations}
            min={1}
            max={maxVariations}
            onChange={(value) => change({ variations: value })}
          />
          <SeedField />
        </div>
        <Origin />
        <Advanced />
      </div>
      <Failure error={error} />
      <div class="row submit">
        <button
          type="submit"
          class="button primary large"
          disabled={isBusy || originOnItsWay.value !== undefined}
        >
          <Icon name="play" />
          {isBusy ? 'Sending…' : variations === 1 ? 'Make music' : `Make ${variations} variations`}
        </button>
        <span class="soft wide-only">
          or <kbd>Ctrl</kbd> <kbd>Enter</kbd>
        </span>
      </div>
    </form>
  );
}

function focusPrompt(): void {
  document.getElementById('prompt')?.focus();
}
