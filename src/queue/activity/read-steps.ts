import type { Broker } from '../../broker/broker.js';
import { decodeSteps } from '../../wire/steps.js';
import { changedSteps, type JobStep } from '../../wire/told-steps.js';
import { findJob, noSuchJob } from '../job-lookup.js';

/** What is kept of the steps of a job's state machines. */
export interface JobSteps {
  /** Oldest first: the first and the last ones, at most 200. */
  steps: JobStep[];
  /** How many steps were told. */
  total: number;
  /** How many of them are not kept. */
  dropped: number;
}

/**
 * What the state machines of a job did, as far as its workers keep it.
 * @throws JetfleetError `JETFLEET_NOT_FOUND`
 */
export async function readSteps(broker: Broker, id: string): Promise<JobSteps> {
  const [job, stored] = await Promise.all([findJob(broker, id), broker.extra.steps.last(id)]);
  if (!job) throw noSuchJob(id);
  const message = stored && decodeSteps(stored.data, broker.sealer);
  if (message?.of !== job.createdAt) return { steps: [], total: 0, dropped: 0 };
  const { steps, total } = message;
  return { steps: changedSteps(steps), total, dropped: Math.max(0, total - steps.length) };
}
