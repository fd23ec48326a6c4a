/** Jobs behind the timers of producers: a timer's subject has its id alone, so its type and priority are read from it. */

import type { Broker } from '../../broker/broker.js';
import { onceIn } from '../../jobs/once-in.js';
import { isPriority, type JobPriority } from '../../jobs/vocabulary.js';
import { pendingRecordOf } from '../job-lookup.js';
import { BlockCounts } from './block-counts.js';
import { sumOf } from './sum-of.js';

/** Delayed jobs are counted by type up to this many; beyond it only their sum is known. */
const MOST = 10_000;

export interface ScheduledCounts {
  total: number;
  of: { type: string; priority: JobPriority; count: number }[];
  /** Those that are not told apart. */
  untyped: number;
}

const known = new WeakMap<Broker, Map<string, BlockCounts<string>>>();

/** Each timer is read once by a process, and not each time it counts. */
export async function countScheduled(broker: Broker, filter: string): Promise<ScheduledCounts> {
  const total = await broker.counts.of(broker.subjects.streamName('timers'), filter);
  if (total === 0) return { total, of: [], untyped: 0 };
  const counts = await blocksOf(broker, filter).countAll(total);
  const of = [...counts].flatMap(([key, count]) => {
    const [priority, type = ''] = key.split(' ');
    return isPriority(priority) ? [{ type, priority, count }] : [];
  });
  const typed = sumOf(of.map(({ count }) => count));
  return { total, of, untyped: Math.max(0, total - typed) };
}

function blocksOf(broker: Broker, filter: string): BlockCounts<string> {
  const filters = onceIn(known, broker, () => new Map<string, BlockCounts<string>>());
  const make = () =>
    new BlockCounts<string>({
      broker: async () => broker,
      kind: 'timers',
      filterOf: () => filter,
      keyOf: (reader, message) => {
        const job = pendingRecordOf(reader, message);
        return job && `${job.priority} ${job.type}`;
      },
      most: MOST,
    });
  return onceIn(filters, filter, make);
}
