import { createStore } from '../store.js';

/** Whether the palette is open: the dialog that finds anything. What it needs is loaded with its first opening. */
export const isPaletteOpen = createStore(false);

export function openPalette(): void {
  isPaletteOpen.set(true);
}
