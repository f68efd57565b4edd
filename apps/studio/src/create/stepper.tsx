import { Icon } from '../icon.tsx';

interface StepperProps {
  label: string;
  value: number;
  min: number;
  max: number;
  onChange: (value: number) => void;
}

/** A small whole number with a button on either side. */
export function Stepper({ label, value, min, max, onChange }: StepperProps) {
  return (
    <fieldset class="field stepper">
      <legend>{label}</legend>
      <div class="row tight">
        <button
          type="button"
          class="quiet-button"
          aria-label={`Fewer ${label.toLowerCase()}`}
          disabled={value <= min}
          onClick={() => onChange(value - 1)}
        >
          <Icon name="minus" />
        </button>
        <output aria-live="polite">{value}</output>
        <button
          type="button"
          class="quiet-button"
          aria-label={`More ${label.toLowerCase()}`}
          disabled={value >= max}
          onClick={() => onChange(value + 1)}
        >
          <Icon name="plus" />
        </button>
      </div>
    </fieldset>
  );
}
