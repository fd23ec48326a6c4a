/** Why jobs have failed, and how many for each reason. */
import type { Broker } from '../../broker/broker.js';
import { causeOf } from '../../jobs/cause.js';
import type { DeadLetterCause, DeadLetterCauses } from '../../jobs/dead-letter-causes.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { type DeadLetterFilter, deadLetterPages } from './dead-letter-filter.js';

const PAGE = 1_000;
const MAX_CAUSES = 1_000;
const MAX_TYPES = 20;

/** Reads all FAILED records that are kept, page by page; what it remembers is bounded by the number of causes. */
export async function findCauses(broker: Broker, filter: DeadLetterFilter): Promise<DeadLetterCauses> {
  const found = new Map<string, DeadLetterCause>();
  let [total, others] = [0, 0];
  for await (const page of deadLetterPages(broker, filter, PAGE)) {
    for (const { job } of page) {
      total++;
      if (!count(found, job)) others++;
    }
  }
  const causes = [...found.values()].sort((a, b) => b.count - a.count || (a.lastAt < b.lastAt ? 1 : -1));
  return { causes, total, others };
}

/** @returns false for a cause for which there is no room */
function count(found: Map<string, DeadLetterCause>, job: JobRecord): boolean {
  const cause = causeOf(job.error);
  const at = job.finishedAt ?? job.updatedAt;
  let known = found.get(cause.id);
  if (!known) {
    if (found.size >= MAX_CAUSES) return false;
    known = { ...cause, count: 0, types: [], firstAt: at, lastAt: at, sample: { id: job.id, message: '' } };
    found.set(cause.id, known);
  }
  known.count++;
  if (known.types.length < MAX_TYPES && !known.types.includes(job.type)) known.types.push(job.type);
  if (at < known.firstAt) known.firstAt = at;
  if (at >= known.lastAt) {
    known.lastAt = at;
    known.sample = { id: job.id, message: job.error?.message ?? '' };
  }
  return true;
}
