import type { Broker } from '../broker/broker.js';
import { ConflictError, JetfleetError } from '../jobs/errors.js';
import { isoTime } from '../jobs/iso-time.js';
import { derivedId, generateJobId } from '../jobs/job-id.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { findJob } from './job-lookup.js';
import { redriveJob } from './job-redrive.js';
import { requestOf } from './transition-record.js';

/**
 * Runs a job once more that has ended: a FAILED one as the same job, a COMPLETED one as a new one.
 * @returns the id of the job that runs
 * @throws JetfleetError `JETFLEET_NOT_FOUND`, also for a job of another type; ConflictError when it has not ended
 */
export async function rerunJob(broker: Broker, type: string, id: string): Promise<string> {
  const job = await findJob(broker, id);
  if (job?.type !== type) {
    throw new JetfleetError('JETFLEET_NOT_FOUND', `there is no job ${JSON.stringify(id)} of type ${type}`);
  }
  if (!isTerminal(job.status)) throw new ConflictError(`job ${id} is ${job.state}: it is on its way`);
  if (job.status === 'failed') return (await redriveJob(broker, id)).id;
  const again = derivedId(id, `again-${generateJobId()}`);
  await broker.jobs.enqueue({ ...requestOf(job), id: again, createdAt: isoTime(broker.clock.now()) });
  return again;
}
