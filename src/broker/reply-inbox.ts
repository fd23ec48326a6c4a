import { createInbox, type Msg, type NatsConnection } from '@nats-io/transport-node';
import type { Logger } from '../telemetry/logger.js';
import { type GuardedSubscription, subscribe } from './guarded.js';
import { SlotMap } from './slots.js';

/** An answer, or undefined when none came in time. */
type OnReply = (reply: Msg | undefined) => void;

const SWEEP_MS = 250;

/**
 * Answers to many requests over one subscription, without an Error object for each request as `request()` builds.
 * One sweep watches every deadline, so a request costs no timer.
 */
export class ReplyInbox {
  readonly #prefix: string;
  readonly #subscription: GuardedSubscription;
  readonly #waiting = new SlotMap<{ onReply: OnReply; deadline: number }>();
  #sweep: NodeJS.Timeout | undefined;
  #count = 0;

  constructor(connection: NatsConnection, logger?: Logger) {
    const inbox = createInbox();
    this.#prefix = `${inbox}.`;
    this.#subscription = subscribe(connection, `${inbox}.*`, (msg) => this.#receive(msg), logger);
  }

  /** A subject to be answered on; `onReply` runs once: with the answer, or with undefined after `timeoutMs`. */
  expect(timeoutMs: number, onReply: OnReply): string {
    const token = (this.#count++).toString(36);
    this.#waiting.set(token, { onReply, deadline: performance.now() + timeoutMs });
    this.#sweep ??= setInterval(() => this.#expire(), SWEEP_MS);
    return this.#prefix + token;
  }

  /** Ends the subscription; whoever still waits is told that no answer came. */
  close(): void {
    clearInterval(this.#sweep);
    this.#sweep = undefined;
    this.#subscription.unsubscribe();
    this.giveUp();
  }

  /** Tells everybody who waits that no answer comes, as after a reconnect: it went to a connection that is gone. */
  giveUp(): void {
    const waiting = [...this.#waiting.entries()].map(([token, { onReply }]) => ({ token, onReply }));
    for (const { token } of waiting) this.#waiting.delete(token);
    for (const { onReply } of waiting) onReply(undefined);
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
