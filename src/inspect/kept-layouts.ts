import { createHash } from 'node:crypto';
import { JetfleetError } from '../jobs/errors.js';
import { forgetOldest } from '../jobs/forget-oldest.js';

/** Layouts of one kind that a process keeps. */
const MAX_KEPT = 100;
/** What cannot be laid out is not tried again for so long: each try takes the thread of all others for seconds. */
const FAILED_FOR_MS = 60_000;

interface Kept<T> {
  layout: Promise<T>;
  /** Until when a layout that failed is taken for that, by `performance.now()`. */
  failedUntilMs?: number;
}

/** Layouts by what is drawn: a machine that changed may have the version that it had. */
export class KeptLayouts<T> {
  readonly #layouts = new Map<string, Kept<T>>();

  /** The layout of what `drawn` says, made where it is not kept. One that failed is kept for a minute, unless the next try may do better. */
  get(drawn: unknown, make: () => Promise<T>): Promise<T> {
    const key = createHash('sha256').update(JSON.stringify(drawn)).digest('base64url');
    const known = this.#layouts.get(key);
    const isOver = performance.now() > (known?.failedUntilMs ?? Number.POSITIVE_INFINITY);
    const kept: Kept<T> = known && !isOver ? known : { layout: make() };
    this.#layouts.delete(key);
    this.#layouts.set(key, kept);
    forgetOldest(this.#layouts, MAX_KEPT);
    if (kept !== known)
      kept.layout.catch((error: unknown) => {
        if (JetfleetError.is(error) && error.retryable) this.#layouts.delete(key);
        else kept.failedUntilMs = performance.now() + FAILED_FOR_MS;
      });
    return kept.layout;
  }
}
