import { createStore } from '../store.js';

export type Theme = 'system' | 'light' | 'dark';
const KEY = 'jetfleet-theme';
const NEXT: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' };

function savedTheme(): Theme {
  const saved = localStorage.getItem(KEY);
  return saved === 'light' || saved === 'dark' ? saved : 'system';
}

export const theme = createStore<Theme>(savedTheme());
/** Counts up whenever colours change, also when the system's do: canvases have to be drawn again. */
export const colours = createStore(0);

function apply(): void {
  const chosen = theme.get();
  if (chosen === 'system') {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem(KEY);
  } else {
    document.documentElement.dataset.theme = chosen;
    localStorage.setItem(KEY, chosen);
  }
  colours.set(colours.get() + 1);
}

export function switchTheme(): void {
  theme.set(NEXT[theme.get()]);
}

theme.subscribe(apply);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', apply);
apply();
