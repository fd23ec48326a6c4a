import { atMost } from '../jobs/deadline.js';

/** Counts calls that have begun and not ended, so that a close can wait for them. */
export class UnderWay {
  #count = 0;
  #onIdle: (() => void) | undefined;

  begin(): void {
    this.#count++;
  }

  end(): void {
    if (--this.#count === 0) this.#onIdle?.();
  }

  /** Resolves when no call is under way, and after `limitMs` in any case. */
  async idle(limitMs: number): Promise<void> {
    if (this.#count === 0) return;
    const isIdle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    await atMost(limitMs, isIdle);
  }
}
