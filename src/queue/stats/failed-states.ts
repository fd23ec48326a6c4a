/** How many jobs are in each state within `failed`: the subject of an event has its status alone (decision 90). */
import type { Broker } from '../../broker/broker.js';
import type { JobState } from '../../jobs/vocabulary.js';
import { ANY } from '../../wire/subjects.js';
import { BlockCounts } from './block-counts.js';

export interface FailedStateCounts {
  counts: ReadonlyMap<JobState, number>;
  /** Whether records are still being read: for the first time, or since some were removed. The numbers may be wrong until then. */
  isCounting: boolean;
}

export class FailedStates {
  readonly #counts: BlockCounts<JobState>;

  constructor(broker: () => Promise<Broker>) {
    this.#counts = new BlockCounts({
      broker,
      kind: 'events',
      filterOf: ({ subjects }) => subjects.event(ANY, 'failed', ANY),
      keyOf: (reader, message) => reader.recordOf(message)?.state,
      rests: true,
    });
  }

  /** As they are, or were a short time ago. Takes about 150 ms at most. */
  count(): Promise<FailedStateCounts> {
    return this.#counts.countSoon();
  }
}
