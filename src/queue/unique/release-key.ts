import type { Broker } from '../../broker/broker.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { Claim } from '../../wire/unique-claim.js';

/** By how much two processes may differ in what they take for the broker's time. */
const CLOCKS_DIFFER_MS = 1_000;

/**
 * Gives back the key of a job that has ended. Whoever adds the next job of the key would find out that it has, so nothing depends
 * on it: it keeps UNIQUE as small as what is open.
 */
export async function releaseKey(broker: Broker, ended: JobRecord): Promise<void> {
  const { type, unique } = ended;
  // A period goes on, and the server ends it.
  if (!unique || unique.scope === 'period') return;
  try {
    const { claim, seq } = await broker.unique.read(type, unique);
    if (claim && isOfLife(claim, ended)) await broker.unique.remove(seq);
  } catch {
    // The user may lack the right, or the broker be away. A sweep removes it.
  }
}

/** The job may run again by now, and have the key for that; another job may have the id and the key by now. */
function isOfLife(claim: Claim, { id, redrives = 0, finishedAt = '' }: JobRecord): boolean {
  if (claim.id !== id || (claim.redrives ?? 0) !== redrives) return false;
  return redrives > 0 || claim.sinceMs <= Date.parse(finishedAt) + CLOCKS_DIFFER_MS;
}
