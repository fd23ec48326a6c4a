import { JetfleetError } from '../jobs/errors.js';
import type { JobContext } from '../worker/job-handler.js';

/** Where SIGNALS cannot be made, nobody can send a signal: the job wakes at its own time. */
const WITHOUT_SIGNALS: readonly string[] = ['JETFLEET_NO_STREAM', 'JETFLEET_BROKER_FORBIDDEN'];

/**
 * Has the next signal of a name wake the job of a chart, which decides itself for how long the job hibernates otherwise.
 * @returns whether one is there already
 */
export async function hasCome(job: JobContext, name: string): Promise<boolean> {
  try {
    await job.waitForSignal(name);
    return true;
  } catch (error) {
    const isWithout = JetfleetError.is(error) && WITHOUT_SIGNALS.includes(error.code);
    if (isWithout || JetfleetError.is(error, 'JETFLEET_HIBERNATING')) return false;
    throw error;
  }
}
