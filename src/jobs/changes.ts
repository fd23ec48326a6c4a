import { wakeable } from './deadline.js';

/** Counts what happens, so that none of it is missed between a look and the wait that follows it. */
export class Changes {
  #count = 0;
  #atMs = performance.now();
  #onChange: (() => void) | undefined;

  get count(): number {
    return this.#count;
  }

  /** How long nothing has happened, in ms. */
  get quietMs(): number {
    return performance.now() - this.#atMs;
  }

  note(): void {
    this.#count++;
    this.#atMs = performance.now();
    this.#onChange?.();
  }

  /** Waits until something has happened since `count`, for at most `ms`. */
  async after(count: number, ms: number): Promise<void> {
    if (this.#count !== count) return;
    const pause = wakeable(ms);
    this.#onChange = pause.wake;
    await pause.over;
    this.#onChange = undefined;
  }
}
