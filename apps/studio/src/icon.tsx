/** Strokes on a field of 24 × 24. */
const paths = {
  play: 'M8 5.5v13l10.5-6.5z',
  pause: 'M8.5 6v12M15.5 6v12',
  stop: 'M7 7h10v10H7z',
  close: 'M6.5 6.5l11 11M17.5 6.5l-11 11',
  plus: 'M12 6v12M6 12h12',
  minus: 'M6 12h12',
  lock: 'M7 11h10v8H7zM9 11V8a3 3 0 0 1 6 0v3',
  unlock: 'M7 11h10v8H7zM9 11V8a3 3 0 0 1 5.8-1',
  key: 'M15 5a4 4 0 1 1-3.2 6.4L6 17.2V19h2.5v-2h2v-2.2l1.4-1.4M15.8 8.2h0',
  sun: 'M12 8.2a3.8 3.8 0 1 0 0 7.6 3.8 3.8 0 0 0 0-7.6zM12 3v1.8M12 19.2V21M3 12h1.8M19.2 12H21M5.6 5.6l1.3 1.3M17.1 17.1l1.3 1.3M18.4 5.6l-1.3 1.3M6.9 17.1l-1.3 1.3',
  moon: 'M19 14.2A7.5 7.5 0 0 1 9.8 5a7.5 7.5 0 1 0 9.2 9.2z',
  download: 'M12 4.5v10M7.5 10.5l4.5 4.5 4.5-4.5M5.5 19.5h13',
  link: 'M10 14a3.5 3.5 0 0 0 5 0l3-3a3.5 3.5 0 0 0-5-5l-1 1M14 10a3.5 3.5 0 0 0-5 0l-3 3a3.5 3.5 0 0 0 5 5l1-1',
  terminal: 'M5 8l4 4-4 4M12 17h7',
  again: 'M19 12a7 7 0 1 1-2.2-5.1M19 4.5v3.8h-3.8',
  pen: 'M5 19l1-4L16 5l3 3L9 18z',
  more: 'M4 12h3l2-6 3 12 3-9 1.5 3H20',
  compare: 'M8 5v14M16 5v14M4.5 9v6M11.5 9v6M19.5 9v6',
  trash: 'M5 7h14M9.5 7V5h5v2M7 7l1 12.5h8L17 7',
  headphones: 'M5 18v-5a7 7 0 0 1 14 0v5M5 14.5h2.5V19H5zM16.5 14.5H19V19h-2.5z',
  extend: 'M4 12h11M11 8l4 4-4 4M19 6v12',
  chart: 'M5 5v14h14M9 15v-4M13 15V8M17 15v-6',
  file: 'M7 4h7l4 4v12H7zM14 4v4h4',
} as const;

export type IconName = keyof typeof paths;

/** A picture beside words that say the same; it says nothing itself. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} class={name === 'play' ? 'icon-solid' : undefined} />
    </svg>
  );
}
