/** What one page of a list may cost. */
export interface Allowance {
  /** Messages that it may read, however long it takes. */
  minMessages: number;
  maxMessages: number;
  /** Between the two, it goes on reading for so long. */
  maxMs: number;
}

/** A list takes jobs from what it reads. */
export const LISTING: Allowance = { minMessages: 500, maxMessages: 10_000, maxMs: 100 };
/** A search by id reads ids, each once in the life of a process. */
export const SEARCHING: Allowance = {
  minMessages: 100_000,
  maxMessages: Number.POSITIVE_INFINITY,
  maxMs: 1_000,
};

const MAX_BYTES = 64 * 1024 * 1024;

/** A filter that few jobs fit ends its page short, with a cursor. */
export class ScanBudget {
  readonly #allowed: Allowance;
  readonly #startMs = performance.now();
  #messages = 0;
  #bytes = 0;

  constructor(allowed: Allowance) {
    this.#allowed = allowed;
  }

  spend(messages: number, bytes: number): void {
    this.#messages += messages;
    this.#bytes += bytes;
  }

  get isSpent(): boolean {
    const { minMessages, maxMessages, maxMs } = this.#allowed;
    if (this.#bytes >= MAX_BYTES || this.#messages >= maxMessages) return true;
    return this.#messages >= minMessages && performance.now() - this.#startMs >= maxMs;
  }
}
