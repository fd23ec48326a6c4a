import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { BrokerError, JetfleetError } from '../../jobs/errors.js';
import type { Logger } from '../../telemetry/logger.js';
import { newInbox } from './client-internals.js';
import { forbidden, type Violation } from './forbidden.js';
import { closedConnection, type GuardedSubscription, subscribe } from './guarded.js';

/** An answer, undefined when none came in time, or the error of a request that the server refuses to pass on. */
export type Reply = Msg | BrokerError | undefined;
type OnReply = (reply: Reply) => void;

/** The subject of a request, or whether it is among those of a batch. */
type Asked = string | ((subject: string) => boolean);

interface Waiter {
  onReply: OnReply;
  deadline: number;
  asked: Asked;
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
  readonly #others = new Set<{ subject: string; onCut: (error?: JetfleetError) => void }>();
  #subscription: GuardedSubscription;
  /** Why the user may not hear answers at all. */
  #deaf: BrokerError | undefined;
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

  /**
   * A subject to be answered on; `onReply` runs once: with the answer, with an error as soon as the server refuses what
   * was asked, or with undefined after `timeoutMs`.
   */
  expect(timeoutMs: number, asked: Asked, onReply: OnReply): string {
    const token = (this.#count++).toString(36);
    this.#waiting.set(token, { onReply, deadline: performance.now() + timeoutMs, asked });
    this.#sweep ??= setInterval(() => this.#expire(), SWEEP_MS);
    if (this.#deaf) setImmediate(() => this.#failAll());
    return this.#prefix + token;
  }

  /**
   * For what is sent on a subject and answered elsewhere: `onCut` runs with an error when the server refuses it or the
   * inbox is closed, and without one when its answer is lost by a reconnect. Returns how to stop.
   */
  watch(subject: string, onCut: (error?: JetfleetError) => void): () => void {
    const other = { subject, onCut };
    this.#others.add(other);
    return () => this.#others.delete(other);
  }

  /** Ends the waiting of everybody who sent what the server refused; returns whether anybody waited. */
  deny(violation: Violation): boolean {
    const { subject } = violation;
    const error = forbidden(violation);
    const guilty = [...this.#waiting.entries()].filter(([, { asked }]) => isAmong(subject, asked));
    for (const [token, { onReply }] of guilty) {
      this.#waiting.delete(token);
      onReply(error);
    }
    const others = [...this.#others].filter((other) => other.subject === subject);
    for (const { onCut } of others) onCut(error);
    return guilty.length + others.length > 0;
  }

  /** Whether no answer comes any more. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Ends the subscription; whoever still waits is told that no answer came. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
    this.#subscription.unsubscribe();
    this.#cutAll(closedConnection());
  }

  /** Tells everybody who waits that no answer comes, as after a reconnect: it went to a connection that is gone. */
  giveUp(): void {
    if (this.#deaf) {
      // With other credentials the answers may be heard.
      this.#deaf = undefined;
      this.#subscription = this.#subscribe();
    }
    this.#cutAll();
  }

  #cutAll(error?: JetfleetError): void {
    this.#endAll(undefined);
    for (const { onCut } of [...this.#others]) onCut(error);
  }

  #subscribe(): GuardedSubscription {
    const onMessage = (msg: Msg) => this.#receive(msg);
    return subscribe(this.#connection, `${this.#inbox}.*`, onMessage, this.#logger, (error) => {
      this.#logger?.error({ err: error }, 'answers of the broker cannot be heard');
      this.#deaf = error as BrokerError;
      this.#failAll();
    });
  }

  #failAll(): void {
    if (this.#deaf) this.#endAll(this.#deaf);
  }

  #endAll(reply: Reply): void {
    const waiting = [...this.#waiting.entries()].map(([token, { onReply }]) => ({ token, onReply }));
    for (const { token } of waiting) this.#waiting.delete(token);
    for (const { onReply } of waiting) onReply(reply);
  }

  #receive(msg: Msg): void {
    const token = msg.subject.slice(this.#prefix.length);
    const waiter = this.#waiting.get(token);
    if (!waiter) return;
    this.#waiting.delete(token);
    waiter.onReply(msg);
  }

  #expire(): void {
    const now = performance.now();
    for (const [token, { onReply, deadline }] of [...this.#waiting.entries()]) {
      if (deadline > now) continue;
      this.#waiting.delete(token);
      onReply(undefined);
    }
    if (this.#waiting.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}

function isAmong(subject: string, asked: Asked): boolean {
  return typeof asked === 'string' ? asked === subject : asked(subject);
}
