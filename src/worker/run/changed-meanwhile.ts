import type { Broker } from '../../broker/broker.js';
import type { JobRecord } from '../../jobs/job-record.js';

/**
 * What somebody has changed of a job after its handler had begun and before its claim was written. That comes too late for its run,
 * which goes on behind the changed record; another priority still holds for what follows from it.
 * @param lastSeq behind which the run has tried to write; 0 while it has no claim
 */
export async function changedMeanwhile(
  broker: Broker,
  id: string,
  lastSeq: number,
): Promise<{ seq: number; facts: Partial<JobRecord> } | undefined> {
  if (lastSeq > 0) return undefined;
  const last = await broker.lastEvent(id);
  const { change, priority, earlierPriorities, status, workSeq } = last?.record ?? {};
  if (!last || !change || status !== 'pending' || workSeq !== undefined) return undefined;
  const facts = change.what === 'priority' && priority ? { change, priority, earlierPriorities } : {};
  return { seq: last.seq, facts };
}
