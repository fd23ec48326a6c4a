/** What a lease keeper needs of a job that runs. */
export interface Leased {
  /** Tells the broker that the job is still worked on. */
  heartbeat(): void;
  /** Reads whether the job is still ours, and stops it if not. */
  verify(): Promise<void>;
}

/**
 * Keeps the messages of running jobs: one timer for all of them, three beats per `ackWaitMs`. When the process stood
 * still for longer than a lease lasts, every job is verified, since another worker may have taken it over.
 */
export class LeaseKeeper {
  readonly #ackWaitMs: number;
  readonly #leased = new Set<Leased>();
  #timer: NodeJS.Timeout | undefined;
  #lastBeat = 0;

  constructor(ackWaitMs: number) {
    this.#ackWaitMs = ackWaitMs;
  }

  add(leased: Leased): void {
    this.#leased.add(leased);
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

  /** Verifies every job, as after a reconnect. */
  verifyAll(): void {
    for (const leased of this.#leased) void leased.verify();
  }

  #beat(): void {
    const now = performance.now();
    const stoodStill = now - this.#lastBeat > this.#ackWaitMs;
    this.#lastBeat = now;
    for (const leased of this.#leased) leased.heartbeat();
    if (stoodStill) this.verifyAll();
  }
}
