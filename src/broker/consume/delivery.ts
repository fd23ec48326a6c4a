import { type Msg, nanos } from '@nats-io/transport-node';
import { type HeaderReader, NO_HEADERS } from '../../wire/headers.js';
import { isFromTimers, type WorkMessage } from '../../wire/job-message.js';
import type { Replies } from '../connection/replies.js';
import { headerReader } from '../read/message-headers.js';
import { parseAckSubject } from './ack-subject.js';

/** How long an idle pull waits at the server; short, so that a leader change costs little. */
export const EXPIRES_MS = 5_000;
/** The server hands nothing out for a request that has expired. With this for its way, a message is called fresh. */
export const FRESH_MS = EXPIRES_MS + 2_000;

const NAK_MS = 1_000;
const MAX_NAK_MS = 30_000;

const ACK = '+ACK';
const NAK = '-NAK';
const WORKING = '+WPI';

/** A message that a consumer handed out; it comes again unless it is acknowledged in time. */
export class Delivery implements WorkMessage {
  readonly #msg: Msg;
  readonly #replies: Replies;
  readonly #acknowledged: AcknowledgedSequences;
  readonly #askedMs: number;
  readonly seq: number;
  readonly timeMs: number;
  /** How often the stream has handed it out, from 1. */
  readonly deliveryCount: number;
  /** How many deliveries its consumer had made with this one; a consumer that was made anew counts anew. */
  readonly consumerSeq: number;
  /** Messages that the consumer had yet to hand out after this one. */
  readonly pending: number;
  readonly headers: HeaderReader;
  readonly headersUnreadable: boolean;

  /**
   * @param msg with a reply for its acknowledgement; see {@link parseAckSubject}
   * @param askedMs when its request was sent, or an earlier one, ms of `performance.now()`
   */
  constructor(msg: Msg, askedMs: number, replies: Replies, acknowledged: AcknowledgedSequences) {
    this.#msg = msg;
    this.#askedMs = askedMs;
    this.#replies = replies;
    this.#acknowledged = acknowledged;
    const { deliveryCount, seq, consumerSeq, timeMs, pending } = parseAckSubject(msg.reply ?? '');
    this.deliveryCount = deliveryCount;
    this.seq = seq;
    this.consumerSeq = consumerSeq;
    this.timeMs = timeMs;
    this.pending = pending;
    const headers = headerReader(msg);
    this.headersUnreadable = headers === undefined;
    this.headers = headers ?? NO_HEADERS;
  }

  get subject(): string {
    return this.#msg.subject;
  }
  get data(): Uint8Array {
    return this.#msg.data;
  }

  /**
   * Whether it was handed out a moment ago. A process that stood still, or a connection that did, may come to a message long
   * after that, when others have run its job and its record is removed.
   */
  get isFresh(): boolean {
    return performance.now() - this.#askedMs < FRESH_MS;
  }

  /** The message does not come again, and is removed later. */
  ack(): void {
    this.#acknowledged.add(this.seq, isFromTimers(this));
    this.#reply(ACK);
  }

  /** Hands the message back, to be delivered again at once or after `delayMs`. */
  nak(delayMs = 0): void {
    this.#reply(delayMs > 0 ? `${NAK} ${JSON.stringify({ delay: nanos(delayMs) })}` : NAK);
  }

  /** Hands the message back for a while, longer each time that it comes. */
  nakLater(): void {
    this.nak(Math.min(NAK_MS * this.deliveryCount, MAX_NAK_MS));
  }

  /**
   * Keeps the message for `ms` from now on, however long `ack_wait` is: for the server a delayed negative acknowledgement only says when
   * it may hand the message out again, and an acknowledgement that comes before still counts.
   */
  keepFor(ms: number): void {
    this.nak(ms);
  }

  /** Restarts the time that the message may stay unacknowledged. */
  working(): void {
    this.#reply(WORKING);
  }

  #reply(body: string): void {
    this.#replies.send(this.#msg.reply as string, body);
  }
}

/** Beyond this many nothing more is kept: what a worker does not know, it reads. */
const MAX_KEPT = 1_000_000;

/** Which messages of one consumer this worker has acknowledged, as long as they may still be stored. */
export class AcknowledgedSequences {
  #seqs: number[] = [];
  #lastTaken = 0;

  get size(): number {
    return this.#seqs.length;
  }

  /** The last one that its stream has taken from TIMERS, stored or not; 0 for none. */
  get lastTaken(): number {
    return this.#lastTaken;
  }

  add(seq: number, isFromTimers: boolean): void {
    if (isFromTimers && seq > this.#lastTaken) this.#lastTaken = seq;
    if (this.#seqs.length < MAX_KEPT) this.#seqs.push(seq);
  }

  known(): ReadonlySet<number> {
    return new Set(this.#seqs);
  }

  /** Takes out the first `count`, in the order in which they were acknowledged. */
  shift(count: number): number[] {
    return this.#seqs.splice(0, count);
  }

  /** Those up to `last` are stored no more. */
  forget(last: number): void {
    this.#seqs = this.#seqs.filter((seq) => seq > last);
  }
}
