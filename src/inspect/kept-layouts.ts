import { createHash } from 'node:crypto';
import { forgetOldest } from '../jobs/forget-oldest.js';

/** Layouts of one kind that a process keeps. */
const MAX_KEPT = 100;

/** Layouts by what is drawn: a machine that changed may have the version that it had. */
export class KeptLayouts<T> {
  readonly #layouts = new Map<string, Promise<T>>();

  /** The layout of what `drawn` says, made where it is not kept; one that fails is not. */
  get(drawn: unknown, make: () => Promise<T>): Promise<T> {
    const key = createHash('sha256').update(JSON.stringify(drawn)).digest('base64url');
    const layout = this.#layouts.get(key) ?? make();
    this.#layouts.delete(key);
    this.#layouts.set(key, layout);
    forgetOldest(this.#layouts, MAX_KEPT);
    layout.catch(() => this.#layouts.delete(key));
    return layout;
  }
}
