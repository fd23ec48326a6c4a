import type { Delivery } from '../../broker/consume/delivery.js';
import type { LaneOrder, OrderedSource } from './lane-order.js';

/** How long a delivery waits for a slot, ms: long for slots that short jobs pass on, and short for another worker. */
export const HOLD_MS = 50;

/** So many handlers for each slot may go on without one: they wait for others, and their number is what takes memory and connections. */
const MOST_LENT = 9;

/** What one delivery takes up of its lane. */
export interface Slot {
  /** No handler runs for it any more, or it was abandoned: another job may start. May come after `answered`. */
  free(): void;
  /** Its handler goes on without a slot: another job may start. @returns false where too many do */
  lend(): boolean;
  /** All is written, and the message is acknowledged, handed back or lost. Called once. */
  answered(): void;
}

class LaneSlot implements Slot {
  readonly #slots: Slots;
  #state: 'taken' | 'lent' | 'free' = 'taken';

  constructor(slots: Slots) {
    this.#slots = slots;
  }

  free(): void {
    const before = this.#state;
    this.#state = 'free';
    if (before === 'lent') this.#slots.onReturned();
    else if (before === 'taken') this.#slots.onFree();
  }

  lend(): boolean {
    if (this.#state !== 'taken') return true;
    if (!this.#slots.mayLend) return false;
    this.#state = 'lent';
    this.#slots.onLent();
    return true;
  }

  answered(): void {
    this.#slots.onAnswered();
  }
}

/** The slots of a lane: how many are taken, how fast they change hands, and which deliveries have no answer yet. */
export class Slots {
  readonly #concurrency: number;
  readonly #onChange: () => void;
  /** Jobs whose handlers have not ended, and have a slot. */
  #taken = 0;
  /** Those that go on without one. */
  #lent = 0;
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

  get running(): number {
    return this.#taken + this.#lent;
  }

  get mayLend(): boolean {
    return this.#lent < this.#concurrency * MOST_LENT;
  }

  /** Slots change hands quickly: the next one comes free in a moment. */
  get isQuick(): boolean {
    return this.#turnoverMs < HOLD_MS && performance.now() - this.#freedAtMs < HOLD_MS;
  }

  /** How many more jobs may start, where so many deliveries may be unanswered. */
  freeFor(maxUnanswered: number): number {
    const unanswered = this.#unanswered - this.#lent;
    return Math.min(this.#concurrency - this.#taken, Math.ceil(maxUnanswered - unanswered));
  }

  take(): Slot {
    this.#taken++;
    this.#unanswered++;
    return new LaneSlot(this);
  }

  /** Resolves when no delivery is under way, and no handler has a slot. */
  async idle(): Promise<void> {
    while (this.#unanswered > 0 || this.running > 0) await this.#change();
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

  onLent(): void {
    this.#taken--;
    this.#lent++;
    this.#changed();
  }

  onReturned(): void {
    this.#lent--;
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
