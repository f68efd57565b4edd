import { Icon } from '../icon.tsx';
import { change, draft } from './draft.ts';
import { FileField } from './file-field.tsx';

/** What the piece goes on from, or where that is chosen. */
export function Origin() {
  const { origin } = draft.value;
  if (origin === null) {
    return (
      <details class="drawer">
        <summary>From a file</summary>
        <FileField />
      </details>
    );
  }
  return (
    <div class="origin">
      <Icon name="extend" />
      <span>
        Goes on from <strong dir="auto">{origin.name}</strong>: the result holds that audio and the new length
        after it.
      </span>
      <button
        type="button"
        class="quiet-button"
        aria-label="Do not go on from it"
        onClick={() => change({ origin: null })}
      >
        <Icon name="close" />
      </button>
    </div>
  );
}
