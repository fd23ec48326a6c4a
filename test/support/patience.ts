/** `vi.waitFor` gives up after a second by default, which a busy machine does not keep. Without a timeout it waits longer here. */
import { vi } from 'vitest';
import { PATIENCE_MS } from './patience-ms.js';

const MARK = Symbol.for('jetfleet.patience');

const waitFor = vi.waitFor as typeof vi.waitFor & { [MARK]?: true };
// Files that share a process share `vi` as well.
if (!waitFor[MARK]) {
  const patient: typeof vi.waitFor = (callback, options = {}) =>
    waitFor(callback, typeof options === 'number' ? options : { timeout: PATIENCE_MS, ...options });
  vi.waitFor = Object.assign(patient, { [MARK]: true as const });
}
