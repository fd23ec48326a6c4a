import type { Broker } from '../broker/broker.js';
import type { GpuProvider } from '../gpu/provider.js';
import type { Diagnosis } from '../upkeep/finding.js';
import type { ResourceCheck, ResourceCheckOf } from '../upkeep/resource-check.js';
import { DEFAULT_INSTANCE_GRACE_MS, InstanceCheck } from './check-instances.js';

/** Has each sweep look at the instances of an account, and delete those that belong to nobody. */
export function sweptInstances(provider: GpuProvider): ResourceCheckOf {
  const checkOf = (broker: Broker, graceMs = DEFAULT_INSTANCE_GRACE_MS): ResourceCheck => {
    const check = new InstanceCheck(broker, provider, { graceMs });
    const reported = new ReportedOrphans(graceMs);
    return {
      look: (signal) => check.look(signal),
      due: (found) => reported.take(found),
      get hasReported() {
        return reported.size > 0;
      },
    };
  };
  return Object.assign(checkOf, { resource: 'instances' });
}

/**
 * When this worker found each orphan first. An instance is deleted only when it has been orphaned for a while: what is
 * reported late, or read in a bad moment, has time to come right. What other workers say they have found does not count:
 * anybody can send such a notice.
 */
class ReportedOrphans {
  readonly #graceMs: number;
  /** By the id at the provider; by `performance.now()`. */
  readonly #since = new Map<string, number>();

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** How many were found by the last look. */
  get size(): number {
    return this.#since.size;
  }

  /**
   * What one look has found.
   * @returns the orphans whose time is over; those that this look did not find are forgotten
   */
  take(instances: readonly Diagnosis[]): Diagnosis[] {
    // Of instances that could not be listed nothing new is known.
    if (instances.some(({ finding }) => finding.code === 'provider_unreachable')) return [];
    const orphans = instances.filter(({ finding }) => finding.code === 'instance_orphaned');
    const present = new Set(orphans.map(({ finding }) => finding.target));
    for (const id of this.#since.keys()) if (!present.has(id)) this.#since.delete(id);
    const now = performance.now();
    const due = orphans.filter(({ finding: { target } }) => {
      const since = this.#since.get(target);
      return since !== undefined && now - since >= this.#graceMs;
    });
    for (const id of present) if (!this.#since.has(id)) this.#since.set(id, now);
    return due;
  }
}
