import type { Broker } from '../broker/broker.js';
import { ConflictError, JetfleetError } from '../jobs/errors.js';
import { isoTime } from '../jobs/iso-time.js';
import { derivedId, generateJobId } from '../jobs/job-id.js';
import { isTerminal, JobType } from '../jobs/vocabulary.js';
import { findJob } from './job-lookup.js';
import { redriveJob } from './job-redrive.js';
import { requestOf } from './transition-record.js';

/**
 * Sends a webhook once more: a failed one as the same job, so under the same `webhook-id`; a delivered one as a new
 * job, since receivers know its id already.
 * @returns the id of the job that delivers it
 * @throws JetfleetError `JETFLEET_NOT_FOUND`; ConflictError when it is still being delivered
 */
export async function redeliverWebhook(broker: Broker, id: string): Promise<string> {
  const job = await findJob(broker, id);
  if (job?.type !== JobType.SEND_WEBHOOK) {
    throw new JetfleetError('JETFLEET_NOT_FOUND', `there is no webhook ${JSON.stringify(id)}`);
  }
  if (!isTerminal(job.status)) throw new ConflictError(`webhook ${id} is ${job.state}: it is on its way`);
  if (job.status === 'failed') return (await redriveJob(broker, id)).id;
  const again = derivedId(id, `again-${generateJobId()}`);
  await broker.jobs.enqueue({ ...requestOf(job), id: again, createdAt: isoTime(broker.clock.now()) });
  return again;
}
