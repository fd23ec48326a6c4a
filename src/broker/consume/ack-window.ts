import type { Replies } from '../connection/replies.js';
import type { ReplyInbox } from '../connection/reply-inbox.js';
import { SettledSequences } from './settled-sequences.js';

const ACK = '+ACK';
/** Every so many acknowledgements the server is asked to say when it has carried them out. */
const ASK_EVERY = 100;
const MAX_OPEN = 500;
const CONFIRM_TIMEOUT_MS = 5_000;

/**
 * The acknowledgements of one consumer that the server has yet to carry out. It accepts them faster than it removes
 * their messages (with `sync_interval: always` it flushes each removal by itself), and a message that is removed later
 * than `ack_wait` comes again, which makes still more to do. So a worker takes no more while too many are open.
 */
export class AckWindow {
  readonly #replies: Replies;
  readonly #inbox: ReplyInbox;
  readonly #onRoom: () => void;
  readonly settled = new SettledSequences();
  #sent = 0;
  #carriedOut = 0;

  /** @param onRoom called when acknowledgements have been carried out */
  constructor(replies: Replies, inbox: ReplyInbox, onRoom: () => void) {
    this.#replies = replies;
    this.#inbox = inbox;
    this.#onRoom = onRoom;
  }

  get isFull(): boolean {
    return this.#sent - this.#carriedOut >= MAX_OPEN;
  }

  /** Acknowledges the message `seq`, which is answered on `subject`. */
  ack(subject: string, seq: number): void {
    const count = ++this.#sent;
    this.settled.add(seq);
    if (count % ASK_EVERY !== 0) {
      this.#replies.send(subject, ACK);
      return;
    }
    // They are carried out in their order. Without an answer in time nothing is held up for ever.
    const reply = this.#inbox.expect(CONFIRM_TIMEOUT_MS, subject, () => {
      this.#carriedOut = Math.max(this.#carriedOut, count);
      this.#onRoom();
    });
    this.#replies.send(subject, ACK, reply);
  }
}
