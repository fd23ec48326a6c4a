import type { Broker } from '../../broker/broker.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { recordsById } from '../../queue/list/work-jobs.js';

/** Removes the failures of children in an earlier life of a job that was retried: those children run again. */
export async function forgetEarlierFailures(broker: Broker, { id, redrives = 0 }: JobRecord): Promise<void> {
  if (redrives === 0) return;
  const failures = await broker.children.failures(id);
  const records = await recordsById(
    broker,
    failures.map(({ childId }) => childId),
  );
  for (const { childId, seq } of failures) {
    const isOfThisLife = (records.get(childId)?.redrives ?? 0) >= redrives;
    if (!isOfThisLife) await broker.signals.remove(seq);
  }
}
