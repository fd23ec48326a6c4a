import type { PauseScope } from '../../../src/wire/pauses.js';
import { pausedIn, usePauses } from './pauses.js';

/** Says of some jobs that they do not start for now. Nothing where they do. */
export function PausedBadge({ scope }: { scope: PauseScope }) {
  const words = pausedIn(usePauses(), scope);
  return words ? <span class="badge pending">{words}</span> : null;
}
