/** Many jobs at once, in few round trips. */
import { setImmediate } from 'node:timers/promises';
import type { Broker } from '../broker/broker.js';
import { retry } from '../broker/retry.js';
import { assertPayloadOf, definitionOf } from '../jobs/define-job.js';
import { atPlace, JetfleetError } from '../jobs/errors.js';
import type { JobOptions, NewJob } from '../jobs/job-options.js';
import type { JobRequest } from '../jobs/job-record.js';
import type { KnownJobs } from '../jobs/known-jobs.js';
import { assertArray, assertObject } from '../jobs/options.js';
import { JobPriority } from '../jobs/vocabulary.js';
import { type AddedJob, assertSame } from './job-add.js';
import { addChecked, isForObject } from './job-add-checked.js';
import { type CheckedJob, checkJob, setTimes } from './job-request.js';

/** A long list goes in parts of one batch each, two at once: far below what may wait in the commit log. */
const PART = 5_000;
const PART_CHARACTERS = 4 * 1024 * 1024;
const PARTS_AT_ONCE = 2;
/** A log that is full has room again as soon as the broker answers. */
const PATIENCE = { withinMs: Number.POSITIVE_INFINITY, pauseMs: 20, mayPass: isBackpressure };

/**
 * Checks many jobs, before the first is sent. From here on this process knows the definitions that have made them.
 * @throws ValidationError with the place of the first one that is wrong; `JETFLEET_ID_TAKEN` for two different jobs of one id
 */
export function checkJobs(
  known: KnownJobs,
  jobs: readonly NewJob[],
  nowMs: number,
  maxObjectBytes: number,
): CheckedJob[] {
  assertArray('jobs', jobs);
  const named = new Map<string, JobRequest>();
  return Array.from(jobs as readonly NewJob[], (job, index) => {
    try {
      assertObject('the job', job);
      const { type, payload, priority = JobPriority.NORMAL, ...options } = job;
      known.addMakerOf(job);
      const checked = checkJob(known, type, payload, priority, options, nowMs, maxObjectBytes);
      const { request } = checked;
      if (request.isNew) return checked;
      const first = named.get(request.id);
      if (first) assertSame(first, request);
      named.set(request.id, request);
      return checked;
    } catch (error) {
      throw atPlace(error, `job ${index}`);
    }
  });
}

/**
 * Checks the payloads of those that a definition has made.
 * @throws ValidationError with the place of the first one that is wrong
 */
export async function checkPayloads(jobs: readonly NewJob[], checked: readonly CheckedJob[]): Promise<void> {
  for (const [index, { body }] of checked.entries()) {
    const definition = definitionOf(jobs[index]);
    if (!definition?.payload) continue;
    await assertPayloadOf(definition, body).catch((error) => {
      throw atPlace(error, `job ${index}`);
    });
  }
}

/**
 * Stores checked jobs, each once; see `addJobs`.
 * @param early the jobs as they were given, where the broker's time was not known yet
 */
export async function addMany(
  broker: Broker,
  jobs: readonly CheckedJob[],
  early: readonly JobOptions[],
): Promise<string[]> {
  const nowMs = broker.clock.now();
  for (const [index, options] of early.entries()) {
    try {
      setTimes(jobs[index] as CheckedJob, options, nowMs);
    } catch (error) {
      throw atPlace(error, `job ${index}`);
    }
  }
  const underWay: Promise<unknown>[] = [];
  for (let start = 0; start < jobs.length; ) {
    if (underWay.length === PARTS_AT_ONCE) await underWay.shift();
    const end = endOfPart(jobs, start);
    const part = addPart(broker, jobs.slice(start, end));
    start = end;
    // It is waited for below. Node would take a failure before that for one that nobody handles.
    part.catch(() => {});
    underWay.push(part);
    // It leaves while the next one is made.
    await setImmediate();
  }
  await Promise.all(underWay);
  return jobs.map(({ request }) => request.id);
}

function endOfPart(jobs: readonly CheckedJob[], start: number): number {
  let end = start;
  for (let characters = 0; end < jobs.length && end - start < PART; end++) {
    characters += jobs[end]?.body.length ?? 0;
    if (characters > PART_CHARACTERS && end > start) break;
  }
  return end;
}

async function addPart(broker: Broker, jobs: readonly CheckedJob[]): Promise<void> {
  const isPlain = (job: CheckedJob) =>
    job.request.isNew === true &&
    job.runAtMs === undefined &&
    job.unique === undefined &&
    !isForObject(broker, job);
  const others = jobs.filter((job) => !isPlain(job));
  const plain = others.length === 0 ? jobs : jobs.filter(isPlain);
  const free = others.filter(({ unique }) => unique === undefined);
  const kept = free.length === others.length ? [] : others.filter(({ unique }) => unique !== undefined);
  await Promise.all([
    addPlain(broker, plain),
    ...free.map((job) => addPatiently(broker, job)),
    ...byKey(kept).map((jobs) => addInTurn(broker, jobs)),
  ]);
}

/**
 * Stores new jobs that start at once. Large payloads of several callers fill the commit log faster than the broker empties it:
 * then they wait their turn.
 */
async function addPlain(broker: Broker, jobs: readonly CheckedJob[]): Promise<void> {
  let left = jobs;
  await retry(async () => {
    const notStored = await broker.jobs.enqueueNew(left);
    const refused = notStored.filter(({ outcome }) => outcome instanceof Error);
    const fault = refused.find(({ outcome }) => !isBackpressure(outcome));
    if (fault) throw fault.outcome;
    // A duplicate may stand for somebody else's message.
    const known = notStored.filter(({ outcome }) => !(outcome instanceof Error));
    await Promise.all(known.map(({ job }) => addPatiently(broker, job)));
    left = refused.map(({ job }) => job);
    if (refused.length > 0) throw refused[0]?.outcome;
  }, PATIENCE);
}

/** Jobs of one unique key, in their order: the last one may be the one that stays. */
function byKey(jobs: readonly CheckedJob[]): CheckedJob[][] {
  const found = new Map<string, CheckedJob[]>();
  for (const job of jobs) {
    const { scope, key } = job.unique ?? {};
    const name = `${job.request.type} ${scope} ${key}`;
    const others = found.get(name);
    if (others) others.push(job);
    else found.set(name, [job]);
  }
  return [...found.values()];
}

async function addInTurn(broker: Broker, jobs: readonly CheckedJob[]): Promise<void> {
  // The caller hears the id of the job that has the key.
  for (const job of jobs) job.request.id = (await addPatiently(broker, job)).id;
}

/** As {@link addPlain}, of any job. */
function addPatiently(broker: Broker, job: CheckedJob): Promise<AddedJob> {
  return retry(() => addChecked(broker, job), PATIENCE);
}

function isBackpressure(error: unknown): boolean {
  return JetfleetError.is(error, 'JETFLEET_BACKPRESSURE');
}
