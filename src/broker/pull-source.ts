import { createInbox, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import { AckWindow } from './ack-window.js';
import { atMost } from './bounded.js';
import { Delivery } from './delivery.js';
import type { Replies } from './replies.js';
import type { ReplyInbox } from './reply-inbox.js';
import type { SettledSequences } from './settled-sequences.js';

export interface PullSourceOptions {
  connection: NatsConnection;
  replies: Replies;
  inbox: ReplyInbox;
  stream: string;
  consumer: string;
  onDelivery: (delivery: Delivery) => void;
  /** The request that waited has ended: it was served, expired or got lost. */
  onWaitEnd: () => void;
  /** Acknowledgements were carried out, so that more may be taken. */
  onRoom: () => void;
  /** The consumer has gone back: it was made anew, or came back from a crash without its last deliveries. */
  onRewound: () => void;
  /** The consumer or its stream is gone. */
  onMissing: (reason: string) => void;
}

/** How long an idle pull waits at the server; short, so that a leader change costs little. */
const EXPIRES_MS = 5_000;
const IDLE_HEARTBEAT_MS = 1_000;
/** Silence after which a waiting pull counts as lost. */
const SILENCE_MS = 2_500;
const NO_WAIT_TIMEOUT_MS = 2_000;
/** How long a broker that is away may hold up the end. */
const CLOSE_MS = 1_000;
const NANOS_PER_MS = 1_000_000;

const IDLE_HEARTBEAT = 100;
/** Statuses that end a pull because the consumer cannot serve it. */
const NO_RESPONDERS = 503;
const CONFLICT = 409;

/**
 * Pulls of one consumer. `take` asks for what is there now; `wait` leaves one request at the server for the next
 * message. Nothing is ever fetched ahead: a message that no free slot waits for stays in the stream.
 */
export class PullSource {
  readonly #options: PullSourceOptions;
  readonly #subject: string;
  readonly #inbox = createInbox();
  readonly #acks: AckWindow;
  readonly #subscription: Subscription;
  #take: { left: number; got: number; token: string; finish: () => void } | undefined;
  #waitToken: string | undefined;
  #silence: NodeJS.Timeout | undefined;
  #count = 0;
  #consumerSeq = 0;
  #mayHaveMore = true;

  constructor(options: PullSourceOptions) {
    this.#options = options;
    this.#acks = new AckWindow(options.replies, options.inbox, options.onRoom);
    this.#subject = `$JS.API.CONSUMER.MSG.NEXT.${options.stream}.${options.consumer}`;
    this.#subscription = options.connection.subscribe(`${this.#inbox}.*`, {
      callback: (_, msg) => this.#receive(msg),
    });
  }

  /** True while the server has too many acknowledgements to carry out: nothing more should be taken. */
  get isFull(): boolean {
    return this.#acks.isFull;
  }

  /** What this source has acknowledged and may still be stored. */
  get settled(): SettledSequences {
    return this.#acks.settled;
  }

  /** True while a request waits at the server. */
  get isWaiting(): boolean {
    return this.#waitToken !== undefined;
  }

  /** False when there was nothing more to hand out after the last delivery: then it is no use to `take`. */
  get mayHaveMore(): boolean {
    return this.#mayHaveMore;
  }

  /** Takes up to `batch` messages that are there now; resolves to how many came. */
  take(batch: number): Promise<number> {
    return new Promise((resolve) => {
      const token = this.#request({ batch, no_wait: true });
      const timer = setTimeout(() => this.#take?.finish(), NO_WAIT_TIMEOUT_MS);
      const take = {
        left: batch,
        got: 0,
        token,
        finish: () => {
          clearTimeout(timer);
          if (this.#take === take) this.#take = undefined;
          resolve(take.got);
        },
      };
      this.#take = take;
    });
  }

  /** Leaves a request for one message at the server, unless one waits already. */
  wait(): void {
    if (this.#waitToken !== undefined) return;
    this.#waitToken = this.#request({
      batch: 1,
      expires: EXPIRES_MS * NANOS_PER_MS,
      idle_heartbeat: IDLE_HEARTBEAT_MS * NANOS_PER_MS,
    });
    this.#listen();
  }

  /** Forgets the request that waits, as after a reconnect, when the server has forgotten it too. */
  reset(): void {
    this.#mayHaveMore = true;
    this.#take?.finish();
    this.#endWait();
  }

  /** Ends the pulls. What the server has sent meanwhile is still handed on, so that it can go back. */
  async close(): Promise<void> {
    this.reset();
    if (!this.#options.connection.isClosed()) await atMost(CLOSE_MS, this.#subscription.drain());
  }

  #request(query: object): string {
    const token = (this.#count++).toString(36);
    const { connection } = this.#options;
    if (!connection.isClosed()) {
      connection.publish(this.#subject, JSON.stringify(query), { reply: `${this.#inbox}.${token}` });
    }
    return token;
  }

  #receive(msg: Msg): void {
    // A job comes with a reply for its acknowledgement. Its headers are a stranger's and may be unreadable.
    if (msg.reply?.startsWith('$JS.ACK.')) {
      this.#deliver(msg);
      return;
    }
    const status = msg.headers?.code ?? 0;
    if (status === IDLE_HEARTBEAT) this.#listen();
    else this.#endPull(status, msg);
  }

  #endPull(status: number, msg: Msg): void {
    const token = msg.subject.slice(this.#inbox.length + 1);
    if (
      status === NO_RESPONDERS ||
      (status === CONFLICT && /deleted/i.test(msg.headers?.description ?? ''))
    ) {
      this.#options.onMissing(msg.headers?.description || 'no stream or consumer answers');
    }
    if (this.#take?.token === token) this.#take.finish();
    if (this.#waitToken === token) this.#endWait();
  }

  #deliver(msg: Msg): void {
    const take = this.#take;
    // A waiting request is served before a later one that does not wait.
    if (this.#waitToken !== undefined) this.#endWait();
    else if (take) {
      take.got++;
      take.left--;
    }
    const delivery = new Delivery(msg, this.#options.replies, this.#acks);
    if (delivery.consumerSeq <= this.#consumerSeq) this.#options.onRewound();
    this.#consumerSeq = delivery.consumerSeq;
    this.#mayHaveMore = delivery.pending !== 0;
    this.#options.onDelivery(delivery);
    if (take && take.left === 0) take.finish();
  }

  #endWait(): void {
    if (this.#waitToken === undefined) return;
    this.#waitToken = undefined;
    clearTimeout(this.#silence);
    this.#options.onWaitEnd();
  }

  #listen(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#endWait(), SILENCE_MS);
  }
}
