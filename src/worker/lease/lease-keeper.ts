import { MAX_TIMEOUT_MS } from '../../jobs/limits.js';
import { checkNumber } from '../../jobs/numbers.js';

export interface Leased {
  /** A heartbeat; with `forMs` the lease lasts that long without another one. */
  beat(forMs?: number): void;
  verify(): Promise<void>;
}

/** Keeps the messages of running jobs: three beats per `ackWaitMs`. After a standstill of the process every job is verified. */
export class LeaseKeeper {
  readonly #ackWaitMs: number;
  readonly #send: () => Promise<void>;
  readonly #leased = new Set<Leased>();
  #timer: NodeJS.Timeout | undefined;
  #lastBeat = 0;
  /** Until when no heartbeat is needed, by `performance.now()`: one would make the lease shorter. */
  #extendedUntil = 0;

  /** @param send sends what the jobs say to the broker, in the very call, and waits until the broker has it */
  constructor(ackWaitMs: number, send: () => Promise<void>) {
    this.#ackWaitMs = ackWaitMs;
    this.#send = send;
  }

  add(leased: Leased): void {
    this.#leased.add(leased);
    if (this.#extendedUntil > 0 && this.#isExtended) leased.beat(this.#extendedUntil - performance.now());
    if (this.#timer) return;
    this.#lastBeat = performance.now();
    this.#timer = setInterval(() => this.#beat(), this.#ackWaitMs / 3);
  }

  end(leased: Leased): void {
    this.#leased.delete(leased);
    if (this.#leased.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  verifyAll(): void {
    for (const leased of this.#leased) void leased.verify();
  }

  /** For code that blocks the event loop: a heartbeat of all jobs here in this very call, if one is due soon. */
  heartbeat(): void {
    if (this.#isExtended || performance.now() - this.#lastBeat < this.#ackWaitMs / 6) return;
    this.#beat();
    void this.#send();
  }

  /**
   * Ahead of work that blocks the event loop: all jobs here are kept for `ms` without a heartbeat. Carried by a delayed negative
   * acknowledgement, which sets when the server may hand a message out again.
   * @throws ValidationError `JETFLEET_OPTION_INVALID`
   */
  async extendFor(ms: number): Promise<void> {
    checkNumber('extendLease: ms', ms ?? null, 0, MAX_TIMEOUT_MS);
    const now = performance.now();
    this.#lastBeat = now;
    this.#extendedUntil = now + ms;
    for (const leased of this.#leased) leased.beat(ms > this.#ackWaitMs ? ms : undefined);
    await this.#send();
  }

  get #isExtended(): boolean {
    return this.#extendedUntil - performance.now() > this.#ackWaitMs;
  }

  #beat(): void {
    const now = performance.now();
    const stoodStill = now - this.#lastBeat > this.#ackWaitMs && now > this.#extendedUntil;
    this.#lastBeat = now;
    if (this.#isExtended) return;
    for (const leased of this.#leased) leased.beat();
    if (stoodStill) this.verifyAll();
  }
}
