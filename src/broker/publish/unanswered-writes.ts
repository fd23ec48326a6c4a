/** From so long without an answer on, a stream is taken to store nothing. An election takes up to nine seconds. */
const STALLED_MS = 12_000;
/** For how long that is believed when nobody writes any more. */
const KNOWN_MS = 60_000;

/**
 * Since when a stream has answered no write. nats-server gives no answer once a write to the disk has failed, as on a full
 * one, and says that all is well (measured with 2.15.1).
 */
export class UnansweredWrites {
  /** When the first of the writes without an answer was sent, and when the last one was given up. */
  #sinceMs: number | undefined;
  #lastMs = 0;
  readonly #onStalled: () => void;
  readonly #isConnected: () => boolean;
  #isTold = false;

  /**
   * @param onStalled told once, when the stream stores nothing
   * @param isConnected a server that is away answers nothing, whatever its streams do
   */
  constructor(onStalled: () => void, isConnected: () => boolean) {
    this.#onStalled = onStalled;
    this.#isConnected = isConnected;
  }

  /** A write was sent `agoMs` ago and has no answer. */
  silent(agoMs: number): void {
    if (!this.#isConnected()) {
      this.reset();
      return;
    }
    this.#lastMs = performance.now();
    this.#sinceMs ??= this.#lastMs - agoMs;
    if (this.#isTold || !this.isStalled) return;
    this.#isTold = true;
    this.#onStalled();
  }

  /** The stream answers, or is about to: the connection has just come back. */
  reset(): void {
    this.#sinceMs = undefined;
    this.#isTold = false;
  }

  get isStalled(): boolean {
    const isLong = this.#sinceMs !== undefined && this.#lastMs - this.#sinceMs >= STALLED_MS;
    return isLong && performance.now() - this.#lastMs < KNOWN_MS && this.#isConnected();
  }

  /** Why a write has no answer, as far as that is known. */
  get reason(): string | undefined {
    if (!this.#isConnected()) return AWAY;
    return this.isStalled ? `The stream ${STALLED}` : undefined;
  }
}

const AWAY = 'The connection to the NATS server is lost; it is tried again until the server is back';
/** What that means, and the way out. */
export const STALLED =
  'does not answer writes, although the connection stands. Its disk may be full, or may have been: free room, then restart nats-server, which stores nothing more until then';
