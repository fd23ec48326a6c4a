import type { LinedMessage } from '../connection/client-internals.js';
import type { Appended } from './commit-options.js';

/**
 * Many writes of one caller, none with an expectation. Each message is made when it is sent: thousands that are kept are much
 * work for the collector.
 */
export interface Bulk {
  readonly size: number;
  messageAt(index: number): LinedMessage;
  /** Of its body. */
  bytesAt(index: number): number;
}

/** What became of a write of a bulk that was not just stored: it was refused, or the stream held its message already. */
export interface BulkException {
  index: number;
  outcome: Appended | Error;
}

export interface BulkPart {
  readonly waiting: WaitingBulk;
  /** Place of the first one, and behind the last one. */
  readonly from: number;
  readonly to: number;
  /** Of all bodies. */
  readonly bytes: number;
}

/** A bulk that waits for its batches. */
export class WaitingBulk {
  readonly bulk: Bulk;
  /** Of all bodies, and of the largest one. */
  readonly bytes: number;
  readonly largestBytes: number;
  /** When to give it up, ms of `performance.now()`. */
  readonly deadlineMs: number;
  readonly #onEnd: (exceptions: BulkException[]) => void;
  readonly #exceptions: BulkException[] = [];
  #next = 0;
  #unanswered: number;

  /** @param onEnd called with the exceptions, once each write has its answer */
  constructor(bulk: Bulk, deadlineMs: number, onEnd: (exceptions: BulkException[]) => void) {
    this.bulk = bulk;
    this.deadlineMs = deadlineMs;
    this.#onEnd = onEnd;
    this.#unanswered = bulk.size;
    let [sum, largest] = [0, 0];
    for (let index = 0; index < bulk.size; index++) {
      const bytes = bulk.bytesAt(index);
      sum += bytes;
      largest = Math.max(largest, bytes);
    }
    this.bytes = sum;
    this.largestBytes = largest;
  }

  get isTaken(): boolean {
    return this.#next === this.bulk.size;
  }

  /** The next writes for a batch, all by default. One goes in any case, however large. */
  take(most = Number.POSITIVE_INFINITY, mostBytes = Number.POSITIVE_INFINITY): BulkPart {
    const from = this.#next;
    const end = Math.min(from + most, this.bulk.size);
    let bytes = 0;
    while (this.#next < end && bytes < mostBytes) bytes += this.bulk.bytesAt(this.#next++);
    return { waiting: this, from, to: this.#next, bytes };
  }

  settle(index: number, outcome: Appended | Error): void {
    if (outcome instanceof Error || outcome.duplicate) this.#exceptions.push({ index, outcome });
    this.answered(1);
  }

  answered(count: number): void {
    this.#unanswered -= count;
    if (this.#unanswered === 0) this.#onEnd(this.#exceptions);
  }
}
