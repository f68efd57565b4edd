import type { ComponentChildren } from 'preact';
import { explain } from './explain.ts';

interface NoticeProps {
  tone: 'bad' | 'warn' | 'plain';
  children: ComponentChildren;
}

/** A sentence or two that nobody should miss. */
export function Notice({ tone, children }: NoticeProps) {
  return (
    <div class={`notice notice-${tone}`} role={tone === 'bad' ? 'alert' : undefined}>
      {children}
    </div>
  );
}

/** What went wrong and what to do about it; nothing where nothing did. */
export function Failure({ error, children }: { error: unknown; children?: ComponentChildren }) {
  if (error === undefined) return null;
  const { what, todo } = explain(error);
  return (
    <Notice tone="bad">
      <p>
        <strong dir="auto">{what}</strong> {todo}
      </p>
      {children}
    </Notice>
  );
}
