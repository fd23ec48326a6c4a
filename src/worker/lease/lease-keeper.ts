export interface Leased {
  heartbeat(): void;
  verify(): Promise<void>;
}

/** Keeps the messages of running jobs: three beats per `ackWaitMs`. After a standstill of the process every job is verified. */
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
