import { useSignal } from '@preact/signals';

/** Something that a button does: whether it is being done, and why it failed. */
export function useAction<Args extends unknown[]>(work: (...args: Args) => Promise<void>) {
  const isBusy = useSignal(false);
  const error = useSignal<unknown>(undefined);
  async function run(...args: Args): Promise<void> {
    if (isBusy.value) return;
    isBusy.value = true;
    error.value = undefined;
    try {
      await work(...args);
    } catch (thrown) {
      error.value = thrown;
    } finally {
      isBusy.value = false;
    }
  }
  return { run: (...args: Args) => void run(...args), isBusy: isBusy.value, error: error.value };
}
