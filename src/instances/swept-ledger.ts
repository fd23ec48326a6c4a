/** The ledger in sweeps: what a worker could not note is written then, and what ended outside of Jetfleet without a watch. */
import type { Broker } from '../broker/broker.js';
import { ownId } from '../gpu/instance-home.js';
import type { GpuProvider } from '../gpu/provider.js';
import type { Logger } from '../telemetry/logger.js';
import type { ResourceCheckOf } from '../upkeep/sweeper.js';
import { type InstanceSource, sweptInstances } from './check-instances.js';
import type { KnownInstance } from './instance-directory.js';
import { OwnerSearch } from './owner-search.js';
import { compareLedger } from './reconcile.js';

export interface SweptLedgerOptions {
  source: InstanceSource;
  parts: readonly GpuProvider[];
  /** How long a provider must not know an instance before it counts as gone. */
  settleMs: number;
  logger: Logger;
  /** How long an entry is kept that has ended. */
  keepMs?: number | undefined;
}

/** As {@link sweptInstances}, after which the ledger is compared with what that has listed. A comparison that fails keeps no orphan from being found. */
export function sweptWithLedger({ source, logger, ...comparing }: SweptLedgerOptions): ResourceCheckOf {
  const listed = new Map<string, KnownInstance>();
  const keeping: InstanceSource = {
    name: source.name,
    async *list(filter, signal) {
      listed.clear();
      for await (const instance of source.list(filter, signal)) {
        listed.set(instance.id, instance);
        yield instance;
      }
    },
  };
  const listOf = ({ name }: GpuProvider) =>
    [...listed.values()].filter(({ id }) => comparing.parts.length === 1 || ownId(name, id) !== id);
  const compare = async (broker: Broker, search: OwnerSearch, signal: AbortSignal) => {
    const options = { ...comparing, fix: true, ownOnly: true, listOf, search, signal };
    const { differences, accounts } = await compareLedger(broker, options);
    for (const each of accounts)
      if (each.error !== undefined) logger.warn({ ...each }, 'the ledger could not be compared');
    for (const each of differences) logger.warn({ ...each }, 'the ledger differed from the provider');
  };
  const checkInstances = sweptInstances(keeping);
  const checkOf = (broker: Broker, graceMs?: number) => {
    const check = checkInstances(broker, graceMs);
    const search = new OwnerSearch(broker);
    return {
      async look(signal: AbortSignal) {
        const found = await check.look(signal);
        await compare(broker, search, signal).catch((err: unknown) => {
          signal.throwIfAborted();
          logger.warn({ err }, 'the ledger could not be compared');
        });
        return found;
      },
      due: check.due.bind(check),
      get hasReported() {
        return check.hasReported;
      },
    };
  };
  return Object.assign(checkOf, { resource: checkInstances.resource });
}
