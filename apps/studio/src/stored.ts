import { effect, type Signal, signal } from '@preact/signals';

/**
 * A signal whose value outlives the page: read from the browser's storage, written back when it changes, and taken over
 * from other tabs. A browser that keeps nothing (private windows, a full disk) makes it an ordinary signal.
 */
export function stored<Value>(name: string, fallback: Value, area: Storage = localStorage): Signal<Value> {
  const key = `musicgen.${name}`;
  const value = signal(read(area, key, fallback));
  effect(() => write(area, key, value.value));
  addEventListener('storage', (event) => {
    if (event.storageArea === area && event.key === key) value.value = parsed(event.newValue, fallback);
  });
  return value;
}

function read<Value>(area: Storage, key: string, fallback: Value): Value {
  try {
    return parsed(area.getItem(key), fallback);
  } catch {
    return fallback;
  }
}

function write(area: Storage, key: string, value: unknown): void {
  const text = JSON.stringify(value);
  try {
    // Writing what is there already would have every tab answer every other one.
    if (text !== (area.getItem(key) ?? undefined)) area.setItem(key, text);
  } catch {
    // Nothing is kept then; everything else works.
  }
}

function parsed<Value>(text: string | null, fallback: Value): Value {
  try {
    return text === null ? fallback : (JSON.parse(text) as Value);
  } catch {
    return fallback;
  }
}
