/** How much of something is stored. */
export interface Kept {
  items: number;
  bytes: number;
}

interface KeptMessage extends Kept {
  seq: number;
}

/** How much is removed at once: so that not each message removes another one. */
const TRIMMED_TO = 0.75;

/** What one subject holds, and when its oldest messages have to go. */
export class KeptMessages {
  readonly #max: Kept;
  /** Oldest first. */
  #messages: KeptMessage[] = [];
  #total: Kept = { items: 0, bytes: 0 };

  constructor(max: Kept) {
    this.#max = max;
  }

  /** What is kept with one more message. */
  with({ items, bytes }: Kept): Kept {
    return { items: this.#total.items + items, bytes: this.#total.bytes + bytes };
  }

  /** Somebody else has written up to `seq`; what that holds goes as a whole. */
  found(seq: number, kept: Kept = { items: 0, bytes: 0 }): void {
    if (this.#messages.at(-1)?.seq === seq) return;
    this.#messages = [{ seq, ...kept }];
    this.#total = { ...kept };
  }

  /** @returns up to which sequence messages have to go */
  add(seq: number, kept: Kept): number | undefined {
    this.#total = this.with(kept);
    this.#messages.push({ seq, ...kept });
    const { items, bytes } = this.#max;
    if (this.#total.items <= items && this.#total.bytes <= bytes) return undefined;
    let upTo: number | undefined;
    while (
      this.#messages.length > 1 &&
      (this.#total.items > items * TRIMMED_TO || this.#total.bytes > bytes * TRIMMED_TO)
    ) {
      const oldest = this.#messages.shift() as KeptMessage;
      this.#total = { items: this.#total.items - oldest.items, bytes: this.#total.bytes - oldest.bytes };
      upTo = oldest.seq;
    }
    return upTo;
  }
}
