import type { DeliveryProgress } from './delivery-progress.js';

export interface SlotCounter {
  freed(): void;
  settled(): void;
}

/** A delivery in a slot of its lane. */
export class SlotProgress implements DeliveryProgress {
  readonly #slots: SlotCounter;
  #hasSlot = true;

  constructor(slots: SlotCounter) {
    this.#slots = slots;
  }

  handled(): void {
    if (!this.#hasSlot) return;
    this.#hasSlot = false;
    this.#slots.freed();
  }

  settled(): void {
    this.#slots.settled();
  }
}
