import type { LastEvent } from '../broker/broker.js';
import type { Delivery } from '../broker/delivery.js';
import { namesakeId, sequenceOf } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import type { DecodedJob } from '../wire/job-message.js';
import type { DeliveryProgress } from './delivery-progress.js';
import type { CheckedPayload } from './payload-check.js';

/** A delivered job, read and looked up. */
export interface Candidate {
  delivery: Delivery;
  job: DecodedJob;
  progress: DeliveryProgress;
  /** The payload of its message, once it was checked. */
  checked?: CheckedPayload;
}

/**
 * Whether a job that was published without an id meets the record of an older one under its number: the stream was
 * deleted and made again, and counts from 1 once more.
 */
export function isNamesake({ request, bare }: DecodedJob, record: JobRecord): boolean {
  return bare && sequenceOf(request.id) !== undefined && record.createdAt !== request.createdAt;
}

/** A job that was accepted once keeps running on what it holds, even if a new version would refuse it. */
export function wasAccepted(last: LastEvent | undefined): boolean {
  return last?.record !== undefined && last.record.status !== 'pending';
}

/** The job under an id of its own. */
export function renamed(candidate: Candidate): Candidate {
  const { delivery, job } = candidate;
  const id = namesakeId(job.request.id, delivery.timeMs);
  return {
    ...candidate,
    job: { ...job, request: { ...job.request, id }, address: { ...job.address, id } },
  };
}
