import { JetfleetError } from '../jobs/errors.js';
import type { JobContext } from '../worker/job-handler.js';

/**
 * Has the next signal of a name wake the job of a chart, which decides itself for how long the job hibernates otherwise.
 * @returns whether one is there already
 */
export async function hasCome(job: JobContext, name: string): Promise<boolean> {
  try {
    await job.waitForSignal(name);
    return true;
  } catch (error) {
    if (JetfleetError.is(error, 'JETFLEET_HIBERNATING')) return false;
    throw error;
  }
}
