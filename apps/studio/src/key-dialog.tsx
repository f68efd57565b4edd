import { useSignal } from '@preact/signals';
import { apiKey, isKeyLasting, takeKey } from './service.ts';

const dialogId = 'key-dialog';

export function openKeyDialog(): void {
  (document.getElementById(dialogId) as HTMLDialogElement | null)?.showModal();
}

/** Where the reader gives the page a key. It stays in this browser and is sent to this service alone. */
export function KeyDialog() {
  const text = useSignal(apiKey.value);
  const isLasting = useSignal(isKeyLasting.value);
  const close = () => (document.getElementById(dialogId) as HTMLDialogElement | null)?.close();
  function save(event: Event): void {
    event.preventDefault();
    takeKey(text.value.trim(), isLasting.value);
    close();
  }
  return (
    <dialog id={dialogId} class="dialog" aria-labelledby="key-title">
      <form onSubmit={save}>
        <h2 id="key-title">API key</h2>
        <p class="soft">
          A service that was set up with keys asks for one. It stays in this browser and goes to this service
          alone.
        </p>
        <label class="field">
          <span>Key</span>
          <input
            type="password"
            autocomplete="off"
            spellcheck={false}
            value={text.value}
            onInput={(event) => {
              text.value = event.currentTarget.value;
            }}
          />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={isLasting.value}
            onChange={(event) => {
              isLasting.value = event.currentTarget.checked;
            }}
          />
          Keep it in this browser, not only in this tab
        </label>
        <div class="row end">
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="button primary">
            {text.value.trim() === '' ? 'Use no key' : 'Use this key'}
          </button>
        </div>
      </form>
    </dialog>
  );
}
