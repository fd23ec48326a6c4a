import { atMost } from '../../jobs/deadline.js';
import { bytesOf, type LinedMessage } from '../connection/client-internals.js';
import { closedConnection } from '../connection/guarded.js';
import type { StreamState } from '../topology/missing-streams.js';
import type { BulkPart, WaitingBulk } from './bulk.js';
import { type Append, type Appended, headerLines, type Settle } from './commit-options.js';
import { backpressure, overPayload, unsendable } from './write-errors.js';

/** A write whose caller has no answer yet: gathered, sent, or to be sent again. */
export interface PendingWrite {
  append: Append;
  /** Its header lines. */
  lines: string;
  /** Of its body. */
  bytes: number;
  settle: Settle;
  /** When to give it up, ms of `performance.now()`. */
  deadlineMs: number;
  /** It was sent before without an answer, so it may be stored already. */
  maybeStored: boolean;
  /** What was known of its stream when nobody took it. */
  nobody?: StreamState;
}

export interface PendingLimits {
  maxWaiting: number;
  maxWaitingBytes: number;
  giveUpMs: number;
}

/** Bytes of headers that any message of Jetfleet stays below. */
const HEADER_ROOM = 8 * 1024;

/** The writes of a log that have no answer yet, within limits. */
export class PendingWrites {
  readonly #limits: PendingLimits;
  readonly #maxPayload: () => number;
  #count = 0;
  #bytes = 0;
  #isClosed = false;
  #onIdle: (() => void) | undefined;
  /** What all writes are refused with until there is room again. Thousands may come at once. */
  #full: Error | undefined;

  /** @param maxPayload of the server, in bytes */
  constructor(limits: PendingLimits, maxPayload: () => number) {
    this.#limits = limits;
    this.#maxPayload = maxPayload;
  }

  /** @returns undefined for a write that is refused; its caller has been told */
  add(append: Append, settle: Settle): PendingWrite | undefined {
    const write = this.#checked(append, settle);
    if (write instanceof Error) {
      settle(write);
      return undefined;
    }
    this.#count++;
    this.#bytes += write.bytes;
    return write;
  }

  /** @returns whether all of them may go together; otherwise each is to be added, and gets its own answer */
  addBulk({ bulk: { size }, bytes, largestBytes }: WaitingBulk): boolean {
    const { maxWaiting, maxWaitingBytes } = this.#limits;
    const fits = this.#count + size <= maxWaiting && this.#bytes + bytes <= maxWaitingBytes;
    if (this.#isClosed || !fits || this.#isTooLarge(largestBytes)) return false;
    this.#count += size;
    this.#bytes += bytes;
    return true;
  }

  /** The writes of a part that did not go as a whole. */
  writesOf({ waiting, from, to }: BulkPart): PendingWrite[] {
    const { bulk, deadlineMs } = waiting;
    return Array.from({ length: to - from }, (_, place) => {
      const index = from + place;
      const { subject, data, lines } = bulk.messageAt(index);
      const bytes = bulk.bytesAt(index);
      const settle: Settle = (outcome) => waiting.settle(index, outcome);
      return { append: { subject, data }, lines, bytes, settle, deadlineMs, maybeStored: false };
    });
  }

  storedAll({ waiting, from, to, bytes }: BulkPart): void {
    this.#end(to - from, bytes);
    waiting.answered(to - from);
  }

  end(write: PendingWrite, outcome: Appended | Error): void {
    this.#end(1, write.bytes);
    write.settle(outcome);
  }

  /** The server ends the connection for a message that is too large, and may have got a lower limit since it was added. */
  tooLarge({ append, bytes }: PendingWrite): Error | undefined {
    return this.#isTooLarge(bytes) ? overPayload(append, this.#maxPayload()) : undefined;
  }

  #isTooLarge(bytes: number): boolean {
    return bytes + HEADER_ROOM > this.#maxPayload();
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Resolves when each write has its answer, and after `limitMs` in any case. */
  async idle(limitMs: number): Promise<void> {
    if (this.#count === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    await atMost(limitMs, idle);
  }

  #checked(append: Append, settle: Settle): PendingWrite | Error {
    if (this.#isClosed) return closedConnection();
    const { maxWaiting, maxWaitingBytes, giveUpMs } = this.#limits;
    const { data, maybeStored = false } = append;
    let lines: string;
    try {
      lines = linesOf(append);
    } catch (error) {
      return unsendable(append, (error as Error).message);
    }
    const bytes = bytesOf(data);
    const deadlineMs = performance.now() + giveUpMs;
    const write = { append, lines, bytes, settle, deadlineMs, maybeStored };
    const tooLarge = this.tooLarge(write);
    if (tooLarge) return tooLarge;
    const isFull = this.#count >= maxWaiting || this.#bytes + bytes > maxWaitingBytes;
    if (!isFull) return write;
    this.#full ??= backpressure(this.#count, this.#bytes);
    return this.#full;
  }

  #end(count: number, bytes: number): void {
    this.#bytes -= bytes;
    this.#count -= count;
    this.#full = undefined;
    if (this.#count === 0) this.#onIdle?.();
  }
}

export function messageOf({ append: { subject, data }, lines }: PendingWrite): LinedMessage {
  return { subject, lines, data };
}

/** The next of the waiting writes that may share a batch: never two expectations about the same job. */
export function nextBatch(
  waiting: readonly PendingWrite[],
  most: number,
  mostBytes: number,
): { batch: PendingWrite[]; rest: PendingWrite[] } {
  const batch: PendingWrite[] = [];
  const left: PendingWrite[] = [];
  const filters = new Set<string>();
  let bytes = 0;
  let index = 0;
  for (; index < waiting.length && bytes < mostBytes && batch.length < most; index++) {
    const write = waiting[index] as PendingWrite;
    const filter = write.append.expect?.filter;
    if (filter !== undefined && filters.has(filter)) {
      left.push(write);
      continue;
    }
    if (filter !== undefined) filters.add(filter);
    bytes += write.bytes;
    batch.push(write);
  }
  const behind = waiting.slice(index);
  return { batch, rest: left.length === 0 ? behind : [...left, ...behind] };
}

function linesOf({ headers = [], expect }: Append): string {
  const lines = typeof headers === 'string' ? headers : headerLines(headers);
  if (!expect) return lines;
  const { filter, lastSeq } = expect;
  return `${lines}Nats-Expected-Last-Subject-Sequence: ${lastSeq}\r\nNats-Expected-Last-Subject-Sequence-Subject: ${filter}\r\n`;
}
