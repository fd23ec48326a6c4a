import { BrokerError } from '../jobs/errors.js';
import type { Logger } from '../telemetry/logger.js';
import { dangerIn, type TopologyReport } from './topology.js';

/** Streams are created again at most so often: a subject that none of them covers must not be a request each time. */
const PAUSE_MS = 1_000;

/** Creates streams again that were deleted under a running process, and says what stands in the way. */
export class MissingStreams {
  readonly #ensure: () => Promise<TopologyReport>;
  readonly #logger: Logger;
  #making: Promise<boolean> | undefined;
  #madeAtMs = Number.NEGATIVE_INFINITY;
  /** What differs at the broker, as of the last attempt. */
  #drift: BrokerError | undefined;

  constructor(ensure: () => Promise<TopologyReport>, logger: Logger) {
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

  /** The reason for an error that says that a stream is missing, where it is known: "create it" is wrong advice then. */
  explain(error: BrokerError): BrokerError {
    return this.#drift ?? error;
  }

  async #make(): Promise<boolean> {
    try {
      this.#note(dangerIn(await this.#ensure()));
      this.#madeAtMs = performance.now();
      return true;
    } catch (err) {
      const isDrift = err instanceof BrokerError && err.code === 'JETFLEET_STREAM_DRIFT';
      if (isDrift) this.#note(err);
      else this.#logger.warn({ err }, 'a stream is missing and cannot be created');
      return false;
    }
  }

  #note(drift: BrokerError | undefined): void {
    if (drift && drift.message !== this.#drift?.message)
      this.#logger.error({ err: drift }, 'the streams were changed under a running process');
    this.#drift = drift;
  }
}

export type StreamMaker = Pick<MissingStreams, 'make' | 'explain'>;

/** For whoever creates nothing. */
export const NO_STREAMS_MADE: StreamMaker = {
  make: async () => false,
  explain: (error) => error,
};
