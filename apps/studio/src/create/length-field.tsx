import { longestSeconds } from '../fleet.ts';
import { span } from '../words.ts';
import { change, duration } from './draft.ts';
import { readiness } from './estimate.ts';
import { lengthsUpTo, stopOf } from './lengths.ts';

/** Where the slider ends while nobody knows how long a piece may be; what was chosen before stays. */
const usualLongest = 30;

/** How long the piece is to be, and when it would be ready. */
export function LengthField() {
  const lengths = lengthsUpTo(longestSeconds.value ?? Math.max(usualLongest, duration.value));
  const last = lengths.length - 1;
  const stop = stopOf(duration.value, lengths);
  return (
    <div class="field length-field">
      <div class="row spread">
        <label for="length">Length</label>
        <output for="length" class="length-value">
          {span(duration.value)}
        </output>
      </div>
      <input
        id="length"
        type="range"
        min={0}
        max={last}
        step={1}
        value={stop}
        style={{ '--filled': `${(stop / Math.max(1, last)) * 100}%` }}
        aria-valuetext={span(duration.value)}
        aria-describedby="readiness"
        onInput={(event) => change({ duration: lengths[Number(event.currentTarget.value)] ?? 10 })}
      />
      <p id="readiness" class="soft readiness">
        {readiness.value || ' '}
      </p>
    </div>
  );
}
