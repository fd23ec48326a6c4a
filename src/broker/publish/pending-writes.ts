import { atMost } from '../../jobs/deadline.js';
import { bytesOf } from '../connection/client-internals.js';
import type { StreamState } from '../topology/missing-streams.js';
import { type Append, type Appended, headerLines } from './commit-options.js';
import { backpressure, closedError, overPayload, unsendable } from './write-errors.js';

/** Gives the caller the answer to one of its writes. */
export type Settle = (index: number, outcome: Appended | Error) => void;

/** A write whose caller has no answer yet: gathered, sent, or to be sent again. */
export interface PendingWrite {
  append: Append;
  /** Its header lines. */
  lines: string;
  /** Of its body. */
  bytes: number;
  settle: Settle;
  /** Its place among the writes that were handed in together. */
  index: number;
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

  /** @param maxPayload of the server, in bytes */
  constructor(limits: PendingLimits, maxPayload: () => number) {
    this.#limits = limits;
    this.#maxPayload = maxPayload;
  }

  /** @returns undefined for a write that is refused; its caller has been told */
  add(append: Append, index: number, settle: Settle): PendingWrite | undefined {
    const write = this.#checked(append, index, settle);
    if (write instanceof Error) {
      settle(index, write);
      return undefined;
    }
    this.#count++;
    this.#bytes += write.bytes;
    return write;
  }

  succeed(write: PendingWrite, appended: Appended): void {
    this.#end(write);
    write.settle(write.index, appended);
  }

  fail(write: PendingWrite, error: Error): void {
    this.#end(write);
    write.settle(write.index, error);
  }

  /** The server ends the connection for a message that is too large, and may have got a lower limit since it was added. */
  tooLarge({ append, bytes }: PendingWrite): Error | undefined {
    const maxPayload = this.#maxPayload();
    return bytes + HEADER_ROOM > maxPayload ? overPayload(append, maxPayload) : undefined;
  }

  /** Refuses new writes. */
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

  #checked(append: Append, index: number, settle: Settle): PendingWrite | Error {
    if (this.#isClosed) return closedError();
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
    const write = { append, lines, bytes, settle, index, deadlineMs, maybeStored };
    const isFull = this.#count >= maxWaiting || this.#bytes + bytes > maxWaitingBytes;
    return this.tooLarge(write) ?? (isFull ? backpressure(this.#count, this.#bytes) : write);
  }

  #end({ bytes }: PendingWrite): void {
    this.#bytes -= bytes;
    if (--this.#count === 0) this.#onIdle?.();
  }
}

function linesOf({ headers = [], expect }: Append): string {
  const lines = typeof headers === 'string' ? headers : headerLines(headers);
  if (!expect) return lines;
  const { filter, lastSeq } = expect;
  return `${lines}Nats-Expected-Last-Subject-Sequence: ${lastSeq}\r\nNats-Expected-Last-Subject-Sequence-Subject: ${filter}\r\n`;
}
