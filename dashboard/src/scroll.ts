/**
 * How far each place of the history was scrolled, so that the way back leads there. The browser does this too early: the page
 * is as long as it was only once its data have come.
 */
import { forgetOldest } from '../../src/jobs/forget-oldest.js';
import { save, saved } from './ui/saved.js';

interface Keyed {
  key?: string;
}

const STORED = 'jetfleet-scroll';
const MOST = 50;
/** A page that is not as long as before by then has changed. */
const PATIENCE_MS = 4_000;
/** What a page shows at first may give way to something shorter for a moment. */
const SETTLED_MS = 500;

const positions = new Map<string, number>(stored());
let key = keyOfEntry();
let wanted: number | undefined;
let patience: ReturnType<typeof setTimeout> | undefined;

window.history.scrollRestoration = 'manual';
window.addEventListener('pagehide', () => {
  note();
  save(STORED, [...positions], sessionStorage);
});
new ResizeObserver(() => restore()).observe(document.documentElement);
for (const event of ['wheel', 'touchstart', 'pointerdown', 'keydown'])
  window.addEventListener(event, giveUp, { passive: true, capture: true });
aim();

/** What the next entry of the history keeps; one that replaces another keeps its place. */
export function kept(isSame: boolean, state: object = {}): object {
  if (!isSame) key = newKey();
  return { ...state, key };
}

/** Call it before another place is added to the history. */
export function leave(): void {
  note();
  giveUp();
}

/** Call it when the history has led to another place. */
export function comeBack(): void {
  key = keyOfEntry();
  aim();
}

window.addEventListener('scroll', note, { passive: true });

function note(): void {
  // While a page that is still short is waited for, where it stands is not where somebody left it.
  if (wanted !== undefined) return;
  positions.delete(key);
  positions.set(key, window.scrollY);
  forgetOldest(positions, MOST);
}

function aim(): void {
  wanted = positions.get(key) ?? 0;
  clearTimeout(patience);
  patience = setTimeout(giveUp, PATIENCE_MS);
  // Once the other page has taken the place of this one.
  setTimeout(restore);
}

function restore(): void {
  if (wanted === undefined) return;
  const room = document.documentElement.scrollHeight - window.innerHeight;
  if (room < wanted) return;
  window.scrollTo(0, wanted);
  clearTimeout(patience);
  if (wanted === 0) giveUp();
  else patience = setTimeout(giveUp, SETTLED_MS);
}

function giveUp(): void {
  wanted = undefined;
  clearTimeout(patience);
}

function keyOfEntry(): string {
  const known = (window.history.state as Keyed | null)?.key;
  if (typeof known === 'string') return known;
  const made = newKey();
  window.history.replaceState({ ...window.history.state, key: made }, '');
  return made;
}

function newKey(): string {
  return Math.random().toString(36).slice(2);
}

function stored(): [string, number][] {
  const found = saved(STORED, sessionStorage);
  if (!Array.isArray(found)) return [];
  return found.filter(
    (each): each is [string, number] =>
      Array.isArray(each) && typeof each[0] === 'string' && typeof each[1] === 'number',
  );
}
