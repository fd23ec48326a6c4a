import type { Broker } from '../../broker/broker.js';
import { tryEach } from '../../jobs/try-each.js';
import type { OwnersToKeep } from '../queue-extension.js';
import { END_STATUSES } from './cleanup-filter.js';
import { cleanupSome } from './selective-cleanup.js';

/**
 * Removes what the retention of each type lets go, as its workers left it at the broker. The broker could forget a record by a TTL, and
 * does not: its message may be delivered still, and the record before it would count again (decision 63). Where nothing is to go, each
 * bound costs one or two reads.
 * @returns how many jobs were removed
 * @throws BrokerError `JETFLEET_BROKER_FORBIDDEN` where the user may remove no records; then nothing is removed
 */
export async function applyRetention(broker: Broker, ownersToKeep: readonly OwnersToKeep[]): Promise<number> {
  let removed = 0;
  const bounds = [...(await broker.handlers.retention())].flatMap(([type, retention]) =>
    END_STATUSES.flatMap((status) => {
      const { maxAgeMs, maxCount: keep } = retention[status] ?? {};
      return [
        ...(maxAgeMs === undefined ? [] : [{ olderThanMs: maxAgeMs, options: { type, status } }]),
        ...(keep === undefined ? [] : [{ olderThanMs: 0, options: { type, status, keep } }]),
      ];
    }),
  );
  if (bounds.length === 0) return 0;
  // Who may not is told before reports and messages of jobs are gone.
  await broker.topology.assertMayDelete('events');
  await tryEach(bounds, async ({ olderThanMs, options }) => {
    removed += await cleanupSome(broker, olderThanMs, options, ownersToKeep);
  });
  return removed;
}
