import type { Msg } from '@nats-io/transport-node';
import { type HeaderReader, NO_HEADERS } from '../../wire/headers.js';
import type { WorkMessage } from '../../wire/job-message.js';
import type { Replies } from '../connection/replies.js';
import { headerReader } from '../read/message-headers.js';
import { parseAckSubject } from './ack-subject.js';
import type { AckWindow } from './ack-window.js';

/** How long an idle pull waits at the server; short, so that a leader change costs little. */
export const EXPIRES_MS = 5_000;
/** The server hands nothing out for a request that has expired. With this for its way, a message is called fresh. */
export const FRESH_MS = EXPIRES_MS + 2_000;

const NAK = '-NAK';
const WORKING = '+WPI';

/** A message that a consumer handed out; it comes again unless it is acknowledged in time. */
export class Delivery implements WorkMessage {
  readonly #msg: Msg;
  readonly #replies: Replies;
  readonly #acks: AckWindow;
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
  constructor(msg: Msg, askedMs: number, replies: Replies, acks: AckWindow) {
    this.#msg = msg;
    this.#askedMs = askedMs;
    this.#replies = replies;
    this.#acks = acks;
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

  /** The job is settled: the message does not come again, and is removed later. */
  ack(): void {
    this.#acks.ack(this.#msg.reply as string, this.seq);
  }

  /** Hands the message back, to be delivered again at once or after `delayMs`. */
  nak(delayMs = 0): void {
    this.#reply(delayMs > 0 ? `${NAK} ${JSON.stringify({ delay: delayMs * 1_000_000 })}` : NAK);
  }

  /** Restarts the time that the message may stay unacknowledged. */
  working(): void {
    this.#reply(WORKING);
  }

  #reply(body: string): void {
    this.#replies.send(this.#msg.reply as string, body);
  }
}
