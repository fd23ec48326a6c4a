import type { Delivery } from '../../broker/consume/delivery.js';

/** How long a delivery waits for a slot, ms: long for slots that short jobs pass on, and short for another worker. */
export const HOLD_MS = 50;

/** Deliveries that cannot start yet, each held for a moment: then it goes back, for another worker. */
export class HeldDeliveries<Source extends { maxRunning: number }> {
  #held: { delivery: Delivery; source: Source; handBack: NodeJS.Timeout }[] = [];

  hold(delivery: Delivery, source: Source): void {
    const handBack = setTimeout(() => {
      this.#held = this.#held.filter((each) => each.delivery !== delivery);
      delivery.nak();
    }, HOLD_MS);
    this.#held.push({ delivery, source, handBack });
    // Highest priority first; sorting is stable, so that of one priority the first to come stays first.
    this.#held.sort((a, b) => b.source.maxRunning - a.source.maxRunning);
  }

  /** The next one, if it may start; it is no longer held then. */
  take(mayStart: (source: Source) => boolean = () => true): Delivery | undefined {
    const [next] = this.#held;
    if (!next || !mayStart(next.source)) return undefined;
    this.#held.shift();
    clearTimeout(next.handBack);
    return next.delivery;
  }

  /** Hands all of them back now. */
  handBack(): void {
    for (let next = this.take(); next; next = this.take()) next.nak();
  }
}
