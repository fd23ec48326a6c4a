import { AtOnce } from '../broker/at-once.js';
import type { Broker } from '../broker/broker.js';
import { INSTANCE_NAME_PREFIX } from '../gpu/instance-name.js';
import type { GpuProvider, Instance } from '../gpu/provider.js';
import { RetryableError } from '../jobs/errors.js';
import { checkInteger } from '../jobs/numbers.js';
import { RentalIntents } from './rental-intents.js';

export interface RentalLimits {
  /**
   * Instances that may be rented at once, 0 to 1,000,000. Counted are all whose name begins with `jetfleet-` on the
   * provider's account, and the creates under way in every worker of the queue. A create beyond it rents nothing, raises
   * an alert and is tried again after 30 s: `JETFLEET_LIMIT_INSTANCES`. Defaults to no limit.
   */
  maxInstances?: number;
  /** As `maxInstances`, for GPUs: `JETFLEET_LIMIT_GPUS`. An instance whose provider does not say counts as 8. */
  maxGpus?: number;
}

export interface RentalLimitOptions extends RentalLimits {
  provider: GpuProvider;
  broker: () => Promise<Broker>;
}

/** The highest limit that can be set. */
export const MAX_RENTAL_LIMIT = 1_000_000;
/** Of an instance whose provider does not say: the most that one create rents. */
const UNKNOWN_GPUS = 8;
const RETRY_AFTER_MS = 30_000;

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkRentalLimits({ maxInstances, maxGpus }: RentalLimits): void {
  checkInteger('maxInstances', maxInstances, 0, MAX_RENTAL_LIMIT);
  checkInteger('maxGpus', maxGpus, 0, MAX_RENTAL_LIMIT);
}

/**
 * Refuses creates beyond what a worker may have rented. It counts all instances of the account with the prefix of our
 * names, and the creates under way in every worker of the queue that were announced before this one.
 */
export class RentalLimit {
  readonly #options: RentalLimitOptions;
  #intents: RentalIntents | undefined;
  /** Counts take turns: they read on from one place. */
  readonly #counts = new AtOnce(1);

  constructor(options: RentalLimitOptions) {
    this.#options = options;
  }

  /**
   * Called after the create was announced, and before it is sent.
   * @throws RetryableError `JETFLEET_LIMIT_INSTANCES`, `JETFLEET_LIMIT_GPUS`; ProviderError, BrokerError
   */
  admit(name: string, gpuNum: number, signal: AbortSignal): Promise<void> {
    return this.#counts.run(() => this.#admit(name, gpuNum, signal));
  }

  async #admit(name: string, gpuNum: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { maxInstances = Number.POSITIVE_INFINITY, maxGpus = Number.POSITIVE_INFINITY } = this.#options;
    const rented = await this.#rentedBefore(name, signal);
    if (rented.instances + 1 > maxInstances) {
      throw refused(
        'JETFLEET_LIMIT_INSTANCES',
        `maxInstances is ${maxInstances}, and ${rented.instances} instances are rented or about to be`,
      );
    }
    if (rented.gpus + gpuNum > maxGpus) {
      throw refused(
        'JETFLEET_LIMIT_GPUS',
        `maxGpus is ${maxGpus}, ${rented.gpus} GPUs are rented or about to be, and the job asks for ${gpuNum}`,
      );
    }
  }

  /** What others have rented, or are about to with an earlier announcement. */
  async #rentedBefore(name: string, signal: AbortSignal): Promise<{ instances: number; gpus: number }> {
    const { provider, broker } = this.#options;
    this.#intents ??= new RentalIntents(await broker());
    const intents = await this.#intents.readOn();
    const own = intents.get(name)?.seq ?? Number.POSITIVE_INFINITY;
    const rented = { instances: 0, gpus: 0 };
    const listed = new Set<string>();
    // Read now and not from the directory: what others rented before this announcement has to be in it.
    for await (const instance of provider.list({ namePrefix: INSTANCE_NAME_PREFIX }, signal)) {
      if (instance.status === 'terminated' || instance.status === 'terminating') continue;
      rented.instances += 1;
      rented.gpus += gpusOf(instance, intents.get(instance.name)?.gpuNum);
      listed.add(instance.name);
    }
    this.#intents.listed(listed);
    for (const [other, { seq, gpuNum }] of intents) {
      if (other === name || listed.has(other) || seq > own) continue;
      rented.instances += 1;
      rented.gpus += gpuNum;
    }
    return rented;
  }
}

/** The more of what is shown and what was asked for: a provider may say less than it charges for. */
function gpusOf({ gpuNum: shown }: Instance, asked: number | undefined): number {
  const isCount = shown !== undefined && Number.isInteger(shown) && shown > 0;
  return isCount ? Math.max(shown, asked ?? 0) : (asked ?? UNKNOWN_GPUS);
}

function refused(code: 'JETFLEET_LIMIT_INSTANCES' | 'JETFLEET_LIMIT_GPUS', why: string): RetryableError {
  const message = `nothing is rented: ${why}; raise the limit of the worker, or delete instances`;
  return new RetryableError(message, { code, retryAfterMs: RETRY_AFTER_MS });
}
