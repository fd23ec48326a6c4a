import { shared } from '../shared.js';
import { createStore } from '../store.js';

/** Ticks once a second, in milliseconds since 1970 by the server's clock. */
export const clock = createStore(shared ? Date.parse(shared.at) : Date.now());

/** Clocks that differ by less are taken as equal: the way takes time as well. */
const TOLERANCE_MS = 1_000;
let offsetMs = 0;

export function setServerTime(at: string): void {
  const difference = Date.parse(at) - Date.now();
  offsetMs = Math.abs(difference) < TOLERANCE_MS ? 0 : difference;
}

/** Milliseconds since 1970 by the server's clock. */
export function serverNow(): number {
  return Date.now() + offsetMs;
}

setInterval(() => {
  if (!document.hidden && !shared) clock.set(serverNow());
}, 1_000);
