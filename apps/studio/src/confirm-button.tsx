import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

interface ConfirmButtonProps {
  /** What the second press says it does. */
  question: string;
  onConfirm: () => void;
  disabled?: boolean;
  children: ComponentChildren;
}

/** Long enough for whoever reads slowly, or whose machine is busy. */
const patienceMs = 15_000;

/** A button for what cannot be undone: the first press asks, the second does it. */
export function ConfirmButton({ question, onConfirm, disabled = false, children }: ConfirmButtonProps) {
  const isAsked = useSignal(false);
  const { value: asked } = isAsked;
  useEffect(() => {
    if (!asked) return;
    const timer = setTimeout(() => {
      isAsked.value = false;
    }, patienceMs);
    return () => clearTimeout(timer);
  }, [asked]);
  return (
    <button
      type="button"
      class={`button small danger ${asked ? 'is-asked' : 'iconic'}`}
      disabled={disabled}
      aria-live="polite"
      onClick={() => {
        isAsked.value = !asked;
        if (asked) onConfirm();
      }}
    >
      {asked ? question : children}
    </button>
  );
}
