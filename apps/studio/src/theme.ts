import { effect } from '@preact/signals';
import { stored } from './stored.ts';

/** Empty: as the system has it. */
export const theme = stored<'' | 'light' | 'dark'>('theme', '');

effect(() => {
  if (theme.value === '') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
});

const systemIsDark = matchMedia('(prefers-color-scheme: dark)');

export const isDark = () => (theme.value === '' ? systemIsDark.matches : theme.value === 'dark');

export function switchTheme(): void {
  theme.value = isDark() ? 'light' : 'dark';
}
