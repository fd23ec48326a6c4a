import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { BrokerError } from '../../jobs/errors.js';
import type { Logger } from '../../telemetry/logger.js';
import { newInbox } from './client-internals.js';
import { forbidden, type Violation } from './forbidden.js';
import { type GuardedSubscription, isOpen, subscribe } from './guarded.js';

/** An answer; why the request or its answer cannot be passed on; undefined when none came in time, or it was lost by a reconnect. */
export type Reply = Msg | Error | undefined;
type OnReply = (reply: Reply) => void;

/** The subject of a request, or whether it is among those of a batch. */
type Asked = string | ((subject: string) => boolean);

interface Waiter {
  onReply: OnReply;
  deadlineMs: number;
  asked: Asked;
  isOpen: boolean;
}

export interface OpenRequest {
  readonly reply: string;
  /** Begins the time without an answer anew. */
  extend(): void;
  end(): void;
}

const SWEEP_MS = 250;

/**
 * Answers to many requests over one subscription, without an Error object for each request as `request()` builds.
 * One sweep watches every deadline, so a request costs no timer.
 */
export class ReplyInbox {
  readonly #connection: NatsConnection;
  readonly #logger: Logger | undefined;
  readonly #inbox: string;
  readonly #prefix: string;
  readonly #waiting = new Map<string, Waiter>();
  readonly #watched = new Set<{ subject: string; onDenied: (error: BrokerError) => void }>();
  #subscription: GuardedSubscription;
  #deaf: Error | undefined;
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;
  #count = 0;

  constructor(connection: NatsConnection, logger?: Logger) {
    this.#connection = connection;
    this.#logger = logger;
    this.#inbox = newInbox(connection);
    this.#prefix = `${this.#inbox}.`;
    this.#subscription = this.#subscribe();
  }

  /** A subject to be answered on; `onReply` runs once. */
  expect(timeoutMs: number, asked: Asked, onReply: OnReply): string {
    const deadlineMs = performance.now() + timeoutMs;
    return this.#prefix + this.#add({ onReply, deadlineMs, asked, isOpen: false });
  }

  /** The same for many answers, until its end. What is no message comes once, and is the last. */
  open(timeoutMs: number, asked: Asked, onReply: OnReply): OpenRequest {
    const deadlineMs = performance.now() + timeoutMs;
    const waiter = { onReply, deadlineMs, asked, isOpen: true };
    const token = this.#add(waiter);
    return {
      reply: this.#prefix + token,
      extend: () => {
        waiter.deadlineMs = performance.now() + timeoutMs;
      },
      end: () => this.#waiting.delete(token),
    };
  }

  /** Hears when the server refuses what is sent on a subject and answered elsewhere; returns how to stop. */
  watch(subject: string, onDenied: (error: BrokerError) => void): () => void {
    const watched = { subject, onDenied };
    this.#watched.add(watched);
    return () => this.#watched.delete(watched);
  }

  /** Ends the waiting of everybody who sent what the server refused; returns whether anybody waited. */
  deny(violation: Violation): boolean {
    const { subject } = violation;
    const error = forbidden(violation);
    const guilty = [...this.#waiting].filter(([, { asked }]) => isAmong(subject, asked));
    this.#endAll(guilty, error);
    const watched = [...this.#watched].filter((each) => each.subject === subject);
    for (const { onDenied } of watched) onDenied(error);
    return guilty.length + watched.length > 0;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
    this.#subscription.unsubscribe();
    this.#endAll([...this.#waiting], undefined);
  }

  /** Ends the waiting of everybody, as after a reconnect: their answers went to a connection that is gone. */
  giveUp(): void {
    if (this.#deaf && isOpen(this.#connection)) {
      // With other credentials the answers may be heard.
      this.#deaf = undefined;
      this.#subscription = this.#subscribe();
    }
    this.#endAll([...this.#waiting], undefined);
  }

  #add(waiter: Waiter): string {
    const token = (this.#count++).toString(36);
    this.#waiting.set(token, waiter);
    this.#sweep ??= setInterval(() => this.#expire(), SWEEP_MS);
    if (this.#deaf) setImmediate(() => this.#failAll());
    return token;
  }

  #subscribe(): GuardedSubscription {
    const onMessage = (msg: Msg) => this.#receive(msg);
    return subscribe(this.#connection, `${this.#inbox}.*`, onMessage, this.#logger, (error) => {
      this.#logger?.error({ err: error }, 'answers of the broker cannot be heard');
      this.#deaf = error;
      this.#failAll();
    });
  }

  #failAll(): void {
    if (this.#deaf) this.#endAll([...this.#waiting], this.#deaf);
  }

  #endAll(waiting: readonly [token: string, waiter: Waiter][], reply: Reply): void {
    for (const [token] of waiting) this.#waiting.delete(token);
    for (const [, { onReply }] of waiting) onReply(reply);
  }

  #receive(msg: Msg): void {
    const token = msg.subject.slice(this.#prefix.length);
    const waiter = this.#waiting.get(token);
    if (!waiter) return;
    if (!waiter.isOpen) this.#waiting.delete(token);
    waiter.onReply(msg);
  }

  #expire(): void {
    const now = performance.now();
    const late = [...this.#waiting].filter(([, { deadlineMs }]) => deadlineMs <= now);
    this.#endAll(late, undefined);
    if (this.#waiting.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}

function isAmong(subject: string, asked: Asked): boolean {
  return typeof asked === 'string' ? asked === subject : asked(subject);
}
