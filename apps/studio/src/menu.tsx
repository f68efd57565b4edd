import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Icon, type IconName } from './icon.tsx';

interface MenuProps {
  icon: IconName;
  label: string;
  /** Whether a narrow screen shows the icon alone. */
  isIconic?: boolean;
  children: ComponentChildren;
}

/** A few buttons behind one; closes with Escape, with a choice, and with a click elsewhere. */
export function Menu({ icon, label, isIconic = false, children }: MenuProps) {
  const menu = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const closeOutside = ({ target }: Event) => {
      if (menu.current?.open && !menu.current.contains(target as Node)) menu.current.open = false;
    };
    document.addEventListener('pointerdown', closeOutside);
    document.addEventListener('focusin', closeOutside);
    return () => {
      document.removeEventListener('pointerdown', closeOutside);
      document.removeEventListener('focusin', closeOutside);
    };
  }, []);
  function close(): void {
    if (!menu.current) return;
    menu.current.open = false;
    menu.current.querySelector('summary')?.focus();
  }
  return (
    <details
      ref={menu}
      class="menu"
      onKeyDown={(event) => {
        if (event.key === 'Escape' && menu.current?.open) close();
      }}
    >
      <summary class={`button small ${isIconic ? 'iconic' : ''}`}>
        <Icon name={icon} />
        <span>{label}</span>
      </summary>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: a click made with the keyboard comes here too */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the buttons inside are what people reach */}
      <div class="menu-items" onClick={close}>
        {children}
      </div>
    </details>
  );
}
