import type { JobRecord } from '../../jobs/job-record.js';
import { assertFree, isTaken } from '../../queue/job-add.js';
import { followUpRequests, type Transition, type TransitionFacts } from '../../queue/transition-record.js';
import type { WorkerServices } from '../worker-services.js';
import { persistently } from './job-writes.js';
import { refusedRecord } from './refusal.js';

/** The outcome, or, where an id of the jobs that its handler asks for is another job's, the record of the failure for that reason. */
export function ifNextFree(
  { broker, logger }: WorkerServices,
  before: JobRecord,
  outcome: JobRecord,
  { outcome: wanted }: Transition,
  facts: TransitionFacts,
): JobRecord | Promise<JobRecord> {
  const asked = wanted?.kind === 'completed' ? (wanted.next?.length ?? 0) : 0;
  if (asked === 0 || outcome.state !== 'completed') return outcome;
  const requests = followUpRequests(outcome).slice(0, asked);
  return persistently(logger, () => assertFree(broker, requests)).then(
    () => outcome,
    (error) => {
      if (!isTaken(error)) throw error;
      return refusedRecord(broker.known, before, error, facts);
    },
  );
}
