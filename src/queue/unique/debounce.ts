/**
 * Many calls, one job. What waits is the timer of the job in TIMERS: a call replaces it, by a compare-and-set on the timer that it
 * has read, so that a timer which has fired meanwhile is not set again. Then the call is the first one of the next job.
 */
import type { Broker } from '../../broker/broker.js';
import { untilNoConflict } from '../../broker/retry.js';
import { ConflictError } from '../../jobs/errors.js';
import type { CheckedUnique } from '../../jobs/unique-options.js';
import type { Claim } from '../../wire/unique-claim.js';
import type { AddedJob } from '../job-add.js';
import { findVersion } from '../job-lookup.js';
import type { CheckedJob } from '../job-request.js';
import { UNFINISHED_MS } from './key-state.js';

export type DebouncedJob = CheckedJob & { unique: CheckedUnique & { scope: 'waiting' } };

/** Has the job of a key wait again, with this payload and these options; adds it where none waits. */
export function addDebounced(broker: Broker, job: DebouncedJob): Promise<AddedJob> {
  return untilNoConflict(() => debounceOnce(broker, job));
}

/** @throws ConflictError when somebody else, or the timer, was faster */
async function debounceOnce(broker: Broker, job: DebouncedJob): Promise<AddedJob> {
  const { request, unique } = job;
  const { type, id } = request;
  const { claim, seq } = await broker.unique.read(type, unique);
  if (!claim) return begin(broker, job, id, seq);
  // The id is this call's alone: it has begun, and somebody else has set the timer before it could.
  const created = claim.id === id;
  const { subjects, read } = broker;
  const timer = subjects.schedule(subjects.workKindOf(type), claim.id);
  const [waiting, last] = await Promise.all([
    read.lastTogether(subjects.streamName('timers'), timer),
    broker.lastEvent(claim.id),
  ]);
  // It was cancelled, or has begun.
  if (last) return begin(broker, job, id, seq);
  if (waiting) {
    await setTimer(broker, job, claim, waiting.seq);
    if ((await broker.lastEvent(claim.id)) === undefined) return { id: claim.id, created };
    throw new ConflictError(`job ${claim.id} was cancelled meanwhile`);
  }
  const version = await findVersion(broker, claim.id);
  if (version?.job.state === 'scheduled') throw new ConflictError(`job ${claim.id} was set meanwhile`);
  // Its timer has fired.
  if (version) return begin(broker, job, id, seq);
  const isYoung = broker.clock.now() - claim.sinceMs < UNFINISHED_MS;
  // Nobody has set it yet. Under the same id, somebody who was only slow cannot set a second one.
  if (!isYoung) return begin(broker, job, claim.id, seq);
  await setTimer(broker, job, claim, 0);
  return { id: claim.id, created };
}

async function begin(broker: Broker, job: DebouncedJob, id: string, lastSeq: number): Promise<AddedJob> {
  const { request, unique } = job;
  const claim: Claim = { id, key: unique.key, sinceMs: Math.round(broker.clock.now()) };
  await broker.unique.claim(request.type, unique, claim, lastSeq);
  await setTimer(broker, job, claim, 0);
  return { id, created: true };
}

async function setTimer(broker: Broker, job: DebouncedJob, claim: Claim, lastSeq: number): Promise<void> {
  const { isNew: _, ...request } = job.request;
  const { delayMs, maxDelayMs = Number.POSITIVE_INFINITY } = job.unique;
  const { id, sinceMs } = claim;
  const runAtMs = Math.min(broker.clock.now() + delayMs, sinceMs + maxDelayMs);
  // The job is as old as its first call.
  const createdAt = new Date(sinceMs).toISOString();
  await broker.jobs.delay({ ...request, id, createdAt }, runAtMs, job.body, lastSeq);
}
