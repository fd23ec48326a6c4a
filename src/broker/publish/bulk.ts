import type { LinedMessage } from '../connection/client-internals.js';
import type { Appended, Settle } from './commit-options.js';

/**
 * Many writes of one caller, none with an expectation. Each message is made when it is sent: thousands that are kept are much
 * work for the collector.
 */
export interface Bulk {
  readonly size: number;
  /** Of all bodies, and of the largest one. */
  readonly bytes: number;
  readonly largestBytes: number;
  messageAt(index: number): LinedMessage;
  bytesAt(index: number): number;
}

/** What became of a write of a bulk that was not just stored: it was refused, or the stream held its message already. */
export interface BulkException {
  index: number;
  outcome: Appended | Error;
}

/** Writes of a bulk that go as one batch. */
export interface BulkPart {
  readonly bulk: Bulk;
  /** Place of the first one, and behind the last one. */
  readonly from: number;
  readonly to: number;
  /** When to give them up, ms of `performance.now()`. */
  readonly deadlineMs: number;
  /** All of them are stored. */
  onStored(): void;
  readonly settle: Settle;
}

/** @param onEnd called with the exceptions, once each write has its answer */
export function partsOf(
  bulk: Bulk,
  most: number,
  deadlineMs: number,
  onEnd: (exceptions: BulkException[]) => void,
): BulkPart[] {
  const exceptions: BulkException[] = [];
  let left = bulk.size;
  const end = (count: number) => {
    left -= count;
    if (left === 0) onEnd(exceptions);
  };
  const settle: Settle = (index, outcome) => {
    if (outcome instanceof Error || outcome.duplicate) exceptions.push({ index, outcome });
    end(1);
  };
  return Array.from({ length: Math.ceil(bulk.size / most) }, (_, part) => {
    const from = part * most;
    const to = Math.min(from + most, bulk.size);
    return { bulk, from, to, deadlineMs, onStored: () => end(to - from), settle };
  });
}
