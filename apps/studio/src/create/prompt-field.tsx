import { maxPromptLength } from '@musicgen/contract';
import { change, draft, promptProblem } from './draft.ts';
import { examples } from './examples.ts';

/** The prompt takes whatever is pasted, and says when that is too much: cutting it would lose something. */
export function PromptField({ isEmpty }: { isEmpty: boolean }) {
  const { prompt } = draft.value;
  const { length } = prompt.trim();
  const problem =
    promptProblem.value ?? (isEmpty ? 'Describe the music first, or choose an example.' : undefined);
  return (
    <div class="prompt-field">
      <label class="unseen" for="prompt">
        Prompt
      </label>
      <textarea
        id="prompt"
        dir="auto"
        rows={4}
        placeholder="Instruments, mood, style, tempo, key …"
        value={prompt}
        aria-invalid={problem !== undefined}
        aria-describedby="prompt-note"
        onInput={(event) => change({ prompt: event.currentTarget.value })}
      />
      <div id="prompt-note" class={`prompt-note ${problem ? 'is-bad' : ''}`} aria-live="polite">
        {problem ?? (length > maxPromptLength / 2 ? `${length} of ${maxPromptLength} characters` : '')}
      </div>
      <ul class="examples" aria-label="Examples">
        {Object.entries(examples).map(([name, example]) => (
          <li key={name}>
            <button type="button" class="chip" title={example} onClick={() => change({ prompt: example })}>
              {name}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
