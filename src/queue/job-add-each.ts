/** Jobs that come from somewhere else one by one, and are stored together: each has an outcome of its own. */
import type { Broker } from '../broker/broker.js';
import { retry } from '../broker/retry.js';
import { assertPayloadOf } from '../jobs/define-job.js';
import { JetfleetError } from '../jobs/errors.js';
import type { NewJob } from '../jobs/job-options.js';
import type { KnownJobs } from '../jobs/known-jobs.js';
import { JobPriority } from '../jobs/vocabulary.js';
import { addChecked } from './job-add-checked.js';
import { type CheckedJob, checkJob } from './job-request.js';

/** A job whose id its source has given it. */
export interface SourcedJob {
  job: NewJob & { id: string };
  /** The id was made for this job, and nobody has published it before: it needs no look for another one. */
  isNew: boolean;
}

/** What became of it: stored now, there already, or why it is not stored. */
export type SourcedOutcome = { created: boolean } | { error: unknown };

/** A log that is full has room again as soon as the broker answers. */
const PATIENCE = {
  withinMs: Number.POSITIVE_INFINITY,
  pauseMs: 20,
  mayPass: (error: unknown) => JetfleetError.is(error, 'JETFLEET_BACKPRESSURE'),
};

/** A checked job, or why it is refused before anything is sent. */
export type CheckedSource = CheckedJob | { error: unknown };

/** Checks each by itself, as `addJobs` checks them all. */
export function checkEach(
  known: KnownJobs,
  sourced: readonly SourcedJob[],
  nowMs: number,
): Promise<CheckedSource[]> {
  const check = async ({ job, isNew }: SourcedJob): Promise<CheckedSource> => {
    try {
      const { type, payload, priority = JobPriority.NORMAL, ...options } = job;
      const checked = checkJob(known, type, payload, priority, options, nowMs);
      const definition = known.get(type);
      if (definition?.payload) await assertPayloadOf(definition, checked.body);
      if (isNew && !checked.unique) checked.request.isNew = true;
      return checked;
    } catch (error) {
      return { error };
    }
  };
  return Promise.all(sourced.map(check));
}

/**
 * Stores checked jobs. Those that start at once are stored in their order: all in bulk where each is new, and else each by its
 * id, after a look for what carries that already.
 * @returns the outcomes, in the order of the jobs; none of them makes another one fail
 */
export async function addEach(broker: Broker, jobs: readonly CheckedSource[]): Promise<SourcedOutcome[]> {
  const outcomes = new Map<CheckedSource, SourcedOutcome>();
  const good = jobs.filter((job): job is CheckedJob => !('error' in job));
  const now = good.filter(({ runAtMs }) => runAtMs === undefined);
  const later = good.filter(({ runAtMs }) => runAtMs !== undefined);
  const addOne = async (job: CheckedJob) => {
    outcomes.set(job, await outcomeOf(broker, job));
  };
  const addNow = async () => {
    if (now.every(({ request }) => request.isNew)) return addNew(broker, now, outcomes);
    // A new one would be written while the others are still looked for.
    for (const { request } of now) delete request.isNew;
    await Promise.all(now.map(addOne));
  };
  await Promise.all([addNow(), ...later.map(addOne)]);
  return jobs.map((job) => ('error' in job ? job : (outcomes.get(job) ?? { created: true })));
}

async function outcomeOf(broker: Broker, job: CheckedJob): Promise<SourcedOutcome> {
  try {
    const { created } = await retry(() => addChecked(broker, job), PATIENCE);
    return { created };
  } catch (error) {
    return { error };
  }
}

/** Those without an outcome afterwards are stored. */
async function addNew(
  broker: Broker,
  jobs: readonly CheckedJob[],
  outcomes: Map<CheckedSource, SourcedOutcome>,
): Promise<void> {
  let left = jobs;
  await retry(async () => {
    const notStored = await broker.jobs.enqueueNew(left);
    const refused = notStored.filter(({ outcome }) => PATIENCE.mayPass(outcome));
    left = refused.map(({ job }) => job);
    for (const { job, outcome } of notStored) {
      if (left.includes(job)) continue;
      if (outcome instanceof Error) outcomes.set(job, { error: outcome });
      // A duplicate may stand for somebody else's message.
      else outcomes.set(job, await outcomeOf(broker, job));
    }
    if (refused[0]) throw refused[0].outcome;
  }, PATIENCE);
}
