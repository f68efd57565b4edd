import { Icon } from '../icon.tsx';
import { change, draft } from './draft.ts';

/** The seed: drawn anew for every piece, and shown after; locked, the next piece has the same. */
export function SeedField() {
  const { seed, isSeedKept } = draft.value;
  return (
    <div class="field seed-field">
      <label for="seed">Seed</label>
      <div class="row tight">
        <input
          id="seed"
          type="text"
          inputMode="numeric"
          pattern="[0-9]{1,15}"
          title="A whole number of at most 15 digits"
          placeholder="random"
          class={isSeedKept ? undefined : 'is-passing'}
          value={seed}
          onInput={(event) => {
            const text = event.currentTarget.value.trim();
            change({ seed: text, isSeedKept: text !== '' });
          }}
        />
        <button
          type="button"
          class={`quiet-button ${isSeedKept ? 'is-on' : ''}`}
          aria-pressed={isSeedKept}
          aria-label="Keep this seed for the next piece"
          title={isSeedKept ? 'The next piece has this seed' : 'The next piece has a new seed'}
          disabled={seed === ''}
          onClick={() => change({ isSeedKept: !isSeedKept })}
        >
          <Icon name={isSeedKept ? 'lock' : 'unlock'} />
        </button>
      </div>
    </div>
  );
}
