import { colours } from '../ui/theme.js';

const known = new Map<string, string>();
/** Of which change of colours they are. */
let of = -1;

/**
 * A canvas knows no CSS variables, so each colour is asked of an element that has it: once, since each question has the browser work out
 * the styles of the whole page.
 */
export function colourOf(near: HTMLElement, className: string): string {
  if (of !== colours.get()) known.clear();
  of = colours.get();
  const before = known.get(className);
  if (before !== undefined) return before;
  const probe = document.createElement('span');
  probe.className = className;
  near.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  known.set(className, color);
  return color;
}
