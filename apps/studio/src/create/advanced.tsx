import type { Priority } from '@musicgen/client';
import { useId } from 'preact/hooks';
import { modelOf, models } from '../fleet.ts';
import { change, draft, resetSettings } from './draft.ts';

/** The best last, as on a dial. */
const choices: Record<Priority, string> = {
  LOW: 'Low',
  NORMAL: 'Normal',
  HIGH: 'High',
  CRITICAL: 'Critical',
};

/** What most never need. An empty field leaves the choice to the model, which the placeholder names. */
export function Advanced() {
  return (
    <details class="drawer">
      <summary>Advanced</summary>
      <div class="advanced-fields">
        <ModelField />
        <PriorityField />
        <label class="field wide">
          <span>Leave out</span>
          <input
            type="text"
            dir="auto"
            placeholder="vocals, distortion …"
            value={draft.value.negativePrompt}
            disabled={modelOf(draft.value.model)?.supports.negative_prompt === false}
            onInput={(event) => change({ negativePrompt: event.currentTarget.value })}
          />
        </label>
        <Numbers />
        <button type="button" class="button" onClick={resetSettings}>
          Back to the defaults
        </button>
      </div>
    </details>
  );
}

function ModelField() {
  const all = models.value?.models ?? [];
  const chosen = modelOf(draft.value.model);
  return (
    <label class="field wide">
      <span>Model</span>
      <select value={draft.value.model} onChange={(event) => change({ model: event.currentTarget.value })}>
        <option value="">{models.value?.default ? `Usual: ${models.value.default}` : 'The usual one'}</option>
        {all.map(({ id, precision, channels }) => (
          <option key={id} value={id}>
            {id} · {precision} · {channels === 2 ? 'stereo' : 'mono'}
          </option>
        ))}
      </select>
      {chosen && <small class="soft">{[chosen.licence, chosen.notice].filter(Boolean).join('. ')}</small>}
    </label>
  );
}

function PriorityField() {
  return (
    <fieldset class="field wide">
      <legend>Priority</legend>
      <div class="segments">
        {(Object.keys(choices) as Priority[]).map((priority) => (
          <label key={priority}>
            <input
              type="radio"
              name="priority"
              value={priority}
              checked={draft.value.priority === priority}
              onChange={() => change({ priority })}
            />
            <span>{choices[priority]}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Numbers() {
  const { temperature, topK, topP, guidance, model } = draft.value;
  const usual = modelOf(model)?.defaults;
  return (
    <>
      <NumberField
        label="Temperature"
        hint="Higher is bolder"
        value={temperature}
        usual={usual?.temperature}
        limits={{ min: 0, max: 4, step: 0.05 }}
        onChange={(text) => change({ temperature: text })}
      />
      <NumberField
        label="Guidance"
        hint="Higher follows the prompt closer"
        value={guidance}
        usual={usual?.guidance_scale}
        limits={{ min: 1, max: 20, step: 0.1 }}
        onChange={(text) => change({ guidance: text })}
      />
      <NumberField
        label="Top k"
        hint="Only the k likeliest; 0 is all"
        value={topK}
        usual={usual?.top_k}
        limits={{ min: 0, max: 100_000, step: 1 }}
        onChange={(text) => change({ topK: text })}
      />
      <NumberField
        label="Top p"
        hint="Only the likeliest share"
        value={topP}
        usual={usual?.top_p}
        limits={{ min: 0.01, max: 1, step: 0.01 }}
        onChange={(text) => change({ topP: text })}
      />
    </>
  );
}

interface NumberFieldProps {
  label: string;
  hint: string;
  value: string;
  usual: number | undefined;
  limits: { min: number; max: number; step: number };
  onChange: (text: string) => void;
}

function NumberField({ label, hint, value, usual, limits, onChange }: NumberFieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="number"
        {...limits}
        placeholder={usual === undefined ? 'usual' : String(usual)}
        value={value}
        aria-describedby={`${id}-hint`}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      <small id={`${id}-hint`} class="soft">
        {hint}
      </small>
    </div>
  );
}
