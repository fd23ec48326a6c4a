/** Messages that one page may read, however long it takes. */
const MIN_SCANNED = 500;
const MAX_SCANNED = 10_000;
const MAX_SCANNED_BYTES = 64 * 1024 * 1024;
/** Between the two, a page goes on reading for so long. */
const SCAN_MS = 100;

/** What one page of a list may cost: a filter that few jobs fit ends its page short, with a cursor. */
export class ScanBudget {
  readonly #startMs = performance.now();
  #scanned = 0;
  #bytes = 0;

  spend(messages: number, bytes: number): void {
    this.#scanned += messages;
    this.#bytes += bytes;
  }

  get isSpent(): boolean {
    if (this.#scanned < MIN_SCANNED) return this.#bytes >= MAX_SCANNED_BYTES;
    return (
      this.#scanned >= MAX_SCANNED ||
      this.#bytes >= MAX_SCANNED_BYTES ||
      performance.now() - this.#startMs >= SCAN_MS
    );
  }
}
