import type { Broker } from '../broker/broker.js';
import type { Diagnosis } from './finding.js';

/** Looks for what jobs have left behind outside the broker, such as rented instances; one for all sweeps of a worker. */
export interface ResourceCheck {
  look(signal: AbortSignal): Promise<Diagnosis[]>;
  /** The findings of one look that are mended now. */
  due(found: readonly Diagnosis[]): Diagnosis[];
  /** Whether something was reported that a later look is to mend. */
  readonly hasReported: boolean;
}

/**
 * Makes the check.
 * @property resource what it looks at, such as `instances`: a worker leaves that to others that say they have looked at the same
 * @param graceMs how long something must be left behind before it is mended, in milliseconds; the check has a default of its own
 */
export type ResourceCheckOf = ((broker: Broker, graceMs?: number) => ResourceCheck) & {
  readonly resource: string;
};
