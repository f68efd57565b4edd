import { computed, signal } from '@preact/signals';

export const views = { create: 'Create', now: 'Now', library: 'Library', operate: 'Operate' } as const;

export type View = keyof typeof views;

/** Where the reader is: `#/library/<id>` is one take, `#/library/<id>/<id>` two to compare. */
export interface Route {
  view: View;
  ids: string[];
}

const hash = signal(location.hash);
addEventListener('hashchange', () => {
  hash.value = location.hash;
});

export const route = computed<Route>(() => {
  const [view = '', ...ids] = hash.value.replace(/^#\/?/, '').split('/').filter(Boolean);
  return isView(view) ? { view, ids } : { view: 'create', ids: [] };
});

function isView(text: string): text is View {
  return Object.hasOwn(views, text);
}

export const linkTo = (view: View, ...ids: string[]) => `#/${[view, ...ids].join('/')}`;

export function goTo(view: View, ...ids: string[]): void {
  location.hash = linkTo(view, ...ids);
}
