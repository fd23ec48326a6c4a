import { retry } from '../../broker/retry.js';
import { JetfleetError } from '../../jobs/errors.js';
import type { Permits } from '../../queue/limits/acquire.js';
import type { Limiter } from '../../queue/limits/limiter.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Slot } from '../lane/slots.js';

const AGAIN_MS = 200;
const GIVE_UP_MS = 30_000;

/** The permits of a job in this worker's hands: given back when its handler has ended or was abandoned, as its slot is. */
export class HeldPermits {
  readonly #limiter: Limiter;
  readonly #permits: Permits;
  readonly #logger: Logger;
  #releasing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(limiter: Limiter, permits: Permits, logger: Logger) {
    this.#limiter = limiter;
    this.#permits = permits;
    this.#logger = logger;
  }

  /** The run that holds them. */
  get run(): string {
    return this.#permits.claimant.run;
  }

  /** A slot with which the permits go. */
  slotOf(slot: Slot): Slot {
    return {
      free: () => {
        slot.free();
        void this.release();
      },
      // Its handler goes on, and so its permits are held.
      lend: () => slot.lend(),
      answered: () => slot.answered(),
    };
  }

  /**
   * Resolves once they are given back and those are called whose turn it is: before the job's message is acknowledged, so that a crash in
   * between repeats it. At once where the handler goes on although it was told to stop.
   */
  get released(): Promise<void> | undefined {
    return this.#releasing;
  }

  /** What a provider has asked for with `Retry-After` holds for its key. */
  heed(retryAfterMs: number | undefined): void {
    if (!retryAfterMs) return;
    const keys = this.#permits.needs.filter(({ heedsMs }) => heedsMs);
    if (keys.length === 0) return;
    this.#closing = this.#persistently(async () => {
      await Promise.all(
        keys.map((key) => this.#limiter.close([key], Math.min(retryAfterMs, key.heedsMs as number))),
      );
    });
  }

  /** Never rejects: leases end by themselves. */
  release(): Promise<void> {
    this.#releasing ??= (this.#closing ?? Promise.resolve()).then(() =>
      this.#persistently(() => this.#limiter.release(this.#permits)),
    );
    return this.#releasing;
  }

  async #persistently(work: () => Promise<void>): Promise<void> {
    const mayPass = (error: unknown) => JetfleetError.is(error) && error.code !== 'JETFLEET_CLOSED';
    try {
      await retry(work, { withinMs: GIVE_UP_MS, pauseMs: AGAIN_MS, mayPass });
    } catch (error) {
      const { message } = error as Error;
      const { owner } = this.#permits.claimant;
      this.#logger.warn({ owner, message }, 'permits cannot be given back; their leases end by themselves');
    }
  }
}
