import type { Delivery } from '../../broker/consume/delivery.js';
import type { LaneOrder, OrderedSource } from './lane-order.js';

/** How long a delivery waits for a slot, ms: long for slots that short jobs pass on, and short for another worker. */
export const HOLD_MS = 50;

/** What one delivery takes up of its lane. */
export interface Slot {
  /** No handler runs for it any more, or it was abandoned: another job may start. May come after `answered`. */
  free(): void;
  /** All is written, and the message is acknowledged, handed back or lost. Called once. */
  answered(): void;
}

class LaneSlot implements Slot {
  readonly #slots: Slots;
  #isFree = false;

  constructor(slots: Slots) {
    this.#slots = slots;
  }

  free(): void {
    if (this.#isFree) return;
    this.#isFree = true;
    this.#slots.onFree();
  }

  answered(): void {
    this.#slots.onAnswered();
  }
}

/** The slots of a lane: how many are taken, how fast they change hands, and which deliveries have no answer yet. */
export class Slots {
  readonly #concurrency: number;
  readonly #onChange: () => void;
  /** Jobs whose handlers have not ended. */
  #taken = 0;
  /** Deliveries that are not acknowledged, handed back or lost. */
  #unanswered = 0;
  #freedAtMs = Number.NEGATIVE_INFINITY;
  /** Between the last two slots that came free, ms. */
  #turnoverMs = Number.POSITIVE_INFINITY;
  #waiters: (() => void)[] = [];

  /** @param onChange called when a slot came free, or a delivery was answered */
  constructor(concurrency: number, onChange: () => void) {
    this.#concurrency = concurrency;
    this.#onChange = onChange;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Slots change hands quickly: the next one comes free in a moment. */
  get isQuick(): boolean {
    return this.#turnoverMs < HOLD_MS && performance.now() - this.#freedAtMs < HOLD_MS;
  }

  /** How many more jobs may start, where so many deliveries may be unanswered. */
  freeFor(maxUnanswered: number): number {
    return Math.min(this.#concurrency - this.#taken, Math.ceil(maxUnanswered - this.#unanswered));
  }

  take(): Slot {
    this.#taken++;
    this.#unanswered++;
    return new LaneSlot(this);
  }

  /** Resolves when no delivery is under way, and no handler has a slot. */
  async idle(): Promise<void> {
    while (this.#unanswered > 0 || this.#taken > 0) await this.#change();
  }

  /** Resolves when no delivery is under way: each has been answered. Handlers may still run. */
  async answered(): Promise<void> {
    while (this.#unanswered > 0) await this.#change();
  }

  onFree(): void {
    this.#taken--;
    const now = performance.now();
    this.#turnoverMs = now - this.#freedAtMs;
    this.#freedAtMs = now;
    this.#changed();
  }

  onAnswered(): void {
    this.#unanswered--;
    this.#changed();
  }

  #changed(): void {
    this.#onChange();
    if (this.#waiters.length > 0) for (const resolve of this.#waiters.splice(0)) resolve();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }
}

interface HeldDelivery<Source> {
  delivery: Delivery;
  source: Source;
  handBack: NodeJS.Timeout;
}

/** Deliveries that cannot start yet, each held for a moment: then it goes back, for another worker. */
export class HeldDeliveries<Source extends OrderedSource & { step: number }> {
  readonly #order: Pick<LaneOrder<Source>, 'nextOf'>;
  #held: HeldDelivery<Source>[] = [];

  constructor(order: Pick<LaneOrder<Source>, 'nextOf'>) {
    this.#order = order;
  }

  hold(delivery: Delivery, source: Source): void {
    const handBack = setTimeout(() => {
      this.#held = this.#held.filter((each) => each.delivery !== delivery);
      delivery.nak();
    }, HOLD_MS);
    this.#held.push({ delivery, source, handBack });
    // Highest priority first; sorting is stable, so that of one priority the first to come stays first.
    this.#held.sort((a, b) => a.source.step - b.source.step);
  }

  /** The next one of those that may start; it is no longer held then. */
  take(mayStart: (source: Source, delivery: Delivery) => boolean = () => true): Delivery | undefined {
    const [first, ...others] = this.#held.filter(({ source, delivery }) => mayStart(source, delivery));
    if (!first) return undefined;
    const next = this.#order.nextOf([first, ...others]);
    this.#held = this.#held.filter((each) => each !== next);
    clearTimeout(next.handBack);
    return next.delivery;
  }

  /** Hands all of them back now. */
  handBack(): void {
    for (const { delivery, handBack } of this.#held.splice(0)) {
      clearTimeout(handBack);
      delivery.nak();
    }
  }
}
