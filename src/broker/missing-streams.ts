import type { Logger } from '../telemetry/logger.js';

/** Streams are made again at most so often: a subject that none of them covers must not be a request to the server each time. */
const PAUSE_MS = 1_000;

/** Makes streams again that were deleted under a running process, for whoever misses one first. */
export class MissingStreams {
  readonly #ensure: () => Promise<unknown>;
  readonly #logger: Logger;
  #making: Promise<boolean> | undefined;
  #madeAtMs = Number.NEGATIVE_INFINITY;

  constructor(ensure: () => Promise<unknown>, logger: Logger) {
    this.#ensure = ensure;
    this.#logger = logger;
  }

  /** @returns whether the streams are there now, so that it is worth to ask again; never throws */
  make(): Promise<boolean> {
    if (performance.now() - this.#madeAtMs < PAUSE_MS) return Promise.resolve(true);
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  async #make(): Promise<boolean> {
    try {
      await this.#ensure();
      this.#madeAtMs = performance.now();
      return true;
    } catch (err) {
      this.#logger.warn({ err }, 'a stream is missing and cannot be created');
      return false;
    }
  }
}
