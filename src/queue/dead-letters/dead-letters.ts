import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import type { DeadLetterCauses } from '../../jobs/dead-letter-causes.js';
import { assertOptions, type OptionNames } from '../../jobs/options.js';
import { redriveJobs } from '../job-redrive.js';
import { PROGRESS_OPTIONS, type ProgressOptions } from '../progress-options.js';
import type { OwnersToKeep } from '../queue-extension.js';
import { countCauses, findCauses } from './causes.js';
import { checkDeadLetterFilter, type DeadLetterFilter } from './dead-letter-filter.js';
import { deleteDeadLetters } from './delete-dead-letters.js';
import { checkRate } from './pace.js';

/** How many dead letters are run again, and how fast. */
export interface RetryAllOptions extends ProgressOptions {
  /**
   * How many jobs a second, 0.001 to 10,000: each gets a timer of the broker's, so that nobody has to wait for them. Defaults to
   * all at once.
   */
  rate?: number;
}

export const RETRY_ALL_OPTIONS: OptionNames<Required<RetryAllOptions>> = { ...PROGRESS_OPTIONS, rate: true };

interface DeadLetterParts {
  use: <R>(work: (broker: Broker) => Promise<R>) => Promise<R>;
  ownersToKeep: readonly OwnersToKeep[];
  /** Tells whoever wants to know of the progress. */
  teller: (options: ProgressOptions) => (done: number) => void;
}

/**
 * Jobs that have FAILED by nobody's wish: exhausted, rejected or timed out. One that was cancelled is none. Each method throws
 * ValidationError `JETFLEET_OPTION_INVALID` for a filter that cannot be used.
 */
export class DeadLetters {
  readonly #parts: DeadLetterParts;

  /** @internal */
  constructor(parts: DeadLetterParts) {
    this.#parts = parts;
  }

  /** Why they have failed: those of one error code and one message, but for its numbers and ids, are one cause. */
  async causes(filter: DeadLetterFilter = {}): Promise<DeadLetterCauses> {
    checkDeadLetterFilter(filter);
    return this.#parts.use((broker) => findCauses(broker, filter));
  }

  /**
   * As {@link causes}, while it counts: each value gives what was found so far. It rests after each page for as long as that took.
   * @internal
   */
  async countCauses(
    filter: DeadLetterFilter,
    onPart: (found: () => DeadLetterCauses) => void,
  ): Promise<DeadLetterCauses> {
    checkDeadLetterFilter(filter);
    return this.#parts.use(async (broker) => {
      let last: (() => DeadLetterCauses) | undefined;
      let beganMs = performance.now();
      for await (const found of countCauses(broker, filter)) {
        last = found;
        onPart(found);
        await delay(performance.now() - beganMs);
        beganMs = performance.now();
      }
      return (last as () => DeadLetterCauses)();
    });
  }

  /**
   * Runs those again that fit, oldest first, at a pace where one is given.
   * @returns the ids of those jobs
   */
  async retry(filter: DeadLetterFilter = {}, options: RetryAllOptions = {}): Promise<string[]> {
    checkDeadLetterFilter(filter);
    assertOptions('options', options, RETRY_ALL_OPTIONS);
    const { rate } = options;
    checkRate(rate);
    return this.#parts.use((broker) => redriveJobs(broker, filter, this.#parts.teller(options), rate));
  }

  /**
   * Removes those that fit, with all that is stored of them. One stays that may still own an instance.
   * @returns how many were removed
   */
  async delete(filter: DeadLetterFilter, options: ProgressOptions = {}): Promise<number> {
    checkDeadLetterFilter(filter);
    assertOptions('options', options, PROGRESS_OPTIONS);
    const { use, ownersToKeep, teller } = this.#parts;
    return use((broker) => deleteDeadLetters(broker, filter, ownersToKeep, teller(options)));
  }
}
