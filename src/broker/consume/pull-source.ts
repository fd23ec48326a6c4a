import { type Msg, type NatsConnection, nanos } from '@nats-io/transport-node';
import type { Logger } from '../../telemetry/logger.js';
import { newInbox } from '../connection/client-internals.js';
import {
  closedConnection,
  type GuardedSubscription,
  NO_RESPONDERS,
  send,
  subscribe,
} from '../connection/guarded.js';
import type { Replies } from '../connection/replies.js';
import { AcknowledgedSequences, Delivery, EXPIRES_MS } from './delivery.js';

export interface PullSourceOptions {
  connection: NatsConnection;
  replies: Replies;
  logger: Logger;
  stream: string;
  consumer: string;
  onDelivery: (delivery: Delivery) => void;
  /** The request that waited has ended: it was served, expired or got lost. */
  onWaitEnd: () => void;
  /** The consumer has gone back: it was made anew, or came back from a crash without its last deliveries. */
  onRewound: () => void;
  onMissing: (reason: string) => void;
  /** Of a source that seldom has a message, and may hear later that its consumer is gone. */
  pace?: WaitPace;
}

/** How long a request waits at the server, and how often the server says meanwhile that it does. */
export interface WaitPace {
  expiresMs: number;
  idleHeartbeatMs: number;
}

const PACE: WaitPace = { expiresMs: EXPIRES_MS, idleHeartbeatMs: 1_000 };
/** So many heartbeats in silence, and a waiting pull counts as lost. */
const SILENT_HEARTBEATS = 2.5;
const NO_WAIT_TIMEOUT_MS = 1_000;
/** How long a broker that is away may hold up the end. */
const CLOSE_MS = 1_000;

const IDLE_HEARTBEAT = 100;
/** Of a consumer that cannot serve the pull, for one reason or another. */
const CONFLICT = 409;

interface Inbox {
  prefix: string;
  subscription: GuardedSubscription;
  /** When its last request was sent, ms of `performance.now()`. */
  askedMs: number;
}

/**
 * Pulls of one consumer. `take` asks for what is there now; `wait` leaves one request at the server for the next
 * message, and `withdraw` takes it back. Nothing is ever fetched ahead: a message that no free slot waits for stays in the
 * stream.
 */
export class PullSource {
  readonly #options: PullSourceOptions;
  readonly #subject: string;
  readonly #pace: WaitPace;
  /** What this source has acknowledged and may still be stored. */
  readonly acknowledged = new AcknowledgedSequences();
  #taking: Inbox;
  /** The server passes over a request that nobody listens to any more, so these have an inbox that can be closed. */
  #waiting: Inbox | undefined;
  readonly #withdrawn = new Set<Promise<void>>();
  #take: { left: number; got: number; reply: string; finish: () => void } | undefined;
  #waitReply: string | undefined;
  #silence: NodeJS.Timeout | undefined;
  #count = 0;
  #consumerSeq = 0;
  #pending = 0;
  #mayHaveMore = true;

  constructor(options: PullSourceOptions) {
    this.#options = options;
    this.#pace = options.pace ?? PACE;
    this.#subject = `$JS.API.CONSUMER.MSG.NEXT.${options.stream}.${options.consumer}`;
    this.#taking = this.#openInbox();
  }

  /** True while a request waits at the server: then its consumer has nothing to hand out, or hands it to this source. */
  get isWaiting(): boolean {
    return this.#waitReply !== undefined;
  }

  /** False when the consumer had nothing more to hand out: then it is no use to `take`. */
  get mayHaveMore(): boolean {
    return this.#mayHaveMore;
  }

  /** How many messages the consumer had yet to hand out, as of the last one. */
  get pending(): number {
    return this.#mayHaveMore ? this.#pending : 0;
  }

  doubt(): void {
    this.#mayHaveMore = true;
  }

  /** Takes up to `batch` messages that are there now; resolves to how many came. */
  take(batch: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const inbox = this.#taking;
      const reply = this.#nextReply(inbox);
      const timer = setTimeout(() => this.#dropTaking(), NO_WAIT_TIMEOUT_MS);
      const take = {
        left: batch,
        got: 0,
        reply,
        finish: () => {
          clearTimeout(timer);
          if (this.#take === take) this.#take = undefined;
          resolve(take.got);
        },
      };
      this.#take = take;
      try {
        this.#request(inbox, reply, { batch, no_wait: true });
      } catch (error) {
        take.finish();
        reject(error as Error);
      }
    });
  }

  /** Leaves a request for one message at the server, unless one waits already. */
  wait(): void {
    if (this.#waitReply !== undefined) return;
    this.#waiting ??= this.#openInbox();
    const reply = this.#nextReply(this.#waiting);
    this.#request(this.#waiting, reply, {
      batch: 1,
      expires: nanos(this.#pace.expiresMs),
      idle_heartbeat: nanos(this.#pace.idleHeartbeatMs),
    });
    this.#waitReply = reply;
    this.#mayHaveMore = false;
    this.#listen();
  }

  /**
   * Takes back the request that waits. What the server has sent meanwhile is still handed on, so that it can go back. In a
   * cluster the request stays until it is served or expires: a message on its way between two servers would be lost for the
   * time of a lease.
   */
  withdraw(): void {
    if (this.#waitReply === undefined || this.#options.connection.info?.cluster !== undefined) return;
    this.#dropWaiting();
  }

  /** Resolves when nothing more comes for what was withdrawn. Gives up after a second. */
  async quiet(): Promise<void> {
    if (this.#withdrawn.size > 0) await Promise.all(this.#withdrawn);
  }

  /** Forgets the request that waits, as after a reconnect, when the server has forgotten it too. */
  reset(): void {
    this.#mayHaveMore = true;
    this.#take?.finish();
    this.#endWait();
  }

  /** Ends the pulls. What the server has sent meanwhile is still handed on, so that it can go back. */
  async close(): Promise<void> {
    this.#take?.finish();
    this.#dropWaiting();
    this.#drain(this.#taking);
    await this.quiet();
  }

  #openInbox(): Inbox {
    const { connection, logger } = this.#options;
    const prefix = `${newInbox(connection)}.`;
    const onMessage = (msg: Msg) => this.#receive(msg, inbox);
    const inbox: Inbox = {
      prefix,
      subscription: subscribe(connection, `${prefix}*`, onMessage, logger),
      askedMs: performance.now(),
    };
    return inbox;
  }

  #drain({ subscription }: Inbox): void {
    const drained = subscription.drain(CLOSE_MS);
    this.#withdrawn.add(drained);
    void drained.then(() => this.#withdrawn.delete(drained));
  }

  /** What a late answer brings was asked for before what the next request brings. */
  #dropTaking(): void {
    const late = this.#taking;
    try {
      this.#taking = this.#openInbox();
      this.#drain(late);
    } catch {
      // The connection has ended, and nothing comes late.
    }
    this.#take?.finish();
  }

  #dropWaiting(): void {
    if (this.#waiting) this.#drain(this.#waiting);
    this.#waiting = undefined;
    this.#mayHaveMore = true;
    this.#endWait();
  }

  #nextReply({ prefix }: Inbox): string {
    return prefix + (this.#count++).toString(36);
  }

  #request(inbox: Inbox, reply: string, query: object): void {
    inbox.askedMs = performance.now();
    const request = { subject: this.#subject, reply, data: JSON.stringify(query) };
    if (!send(this.#options.connection, [request])) throw closedConnection();
  }

  #receive(msg: Msg, inbox: Inbox): void {
    // A job comes with a reply for its acknowledgement. Its headers are a stranger's and may be unreadable.
    if (msg.reply?.startsWith('$JS.ACK.')) {
      this.#deliver(msg, inbox);
      return;
    }
    const status = msg.headers?.code ?? 0;
    if (status !== IDLE_HEARTBEAT) this.#endPull(status, msg);
    else if (inbox === this.#waiting && this.isWaiting) this.#listen();
  }

  #endPull(status: number, msg: Msg): void {
    if (
      status === NO_RESPONDERS ||
      (status === CONFLICT && /deleted/i.test(msg.headers?.description ?? ''))
    ) {
      this.#options.onMissing(msg.headers?.description || 'no stream or consumer answers');
    }
    if (this.#take?.reply === msg.subject) this.#take.finish();
    if (this.#waitReply === msg.subject) this.#endWait();
  }

  #deliver(msg: Msg, inbox: Inbox): void {
    const take = inbox === this.#taking ? this.#take : undefined;
    if (take) {
      take.got++;
      take.left--;
    } else if (inbox === this.#waiting) this.#endWait();
    const delivery = new Delivery(msg, inbox.askedMs, this.#options.replies, this.acknowledged);
    if (delivery.consumerSeq <= this.#consumerSeq) this.#options.onRewound();
    this.#consumerSeq = delivery.consumerSeq;
    this.#pending = delivery.pending;
    this.#mayHaveMore = delivery.pending !== 0;
    this.#options.onDelivery(delivery);
    if (take && take.left === 0) take.finish();
  }

  #endWait(): void {
    if (this.#waitReply === undefined) return;
    this.#waitReply = undefined;
    clearTimeout(this.#silence);
    this.#options.onWaitEnd();
  }

  #listen(): void {
    clearTimeout(this.#silence);
    const silenceMs = SILENT_HEARTBEATS * this.#pace.idleHeartbeatMs;
    this.#silence = setTimeout(() => this.#dropWaiting(), silenceMs);
  }
}
