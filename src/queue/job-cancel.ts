import type { Broker } from '../broker/broker.js';
import { ConflictError, type JobErrorInfo } from '../jobs/errors.js';
import type { JobRecord } from '../jobs/job-record.js';
import type { KnownJobs } from '../jobs/known-jobs.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { placeOf, ticksSubject } from '../wire/schedule-subjects.js';
import { type StreamKind, type Subjects, WORK_KINDS } from '../wire/subjects.js';
import { withProgress } from './activity/live-progress.js';
import { assertKnown } from './follow-ups.js';
import { bareMessageOf, isStoredAtLeaders, removeCarriers, timersOf, withEarlier } from './job-carriers.js';
import { assertVersion, findJob, noSuchJob, type VersionOptions } from './job-lookup.js';
import { enqueueFollowUps, transitionRecord, withFollowUps } from './transition-record.js';
import { isAwaiting, settleWaits } from './waiting/settle-waits.js';

/**
 * Cancels a job, wherever it is. The FAILED record decides: it is fenced like every transition, so of a cancellation
 * and a completion that race one wins. What comes after it is repeated by whoever meets the job's message or timer
 * next, should this process die.
 * @throws JetfleetError `JETFLEET_NOT_FOUND`, `JETFLEET_VERSION_MISMATCH`, `JETFLEET_TYPE_UNKNOWN`; ConflictError when the job has ended
 *   already
 */
export async function cancelJob(
  broker: Broker,
  id: string,
  reason?: string,
  options: VersionOptions = {},
): Promise<JobRecord> {
  for (;;) {
    const last = await broker.lastEvent(id);
    const before = last?.record ?? (await findJob(broker, id));
    if (!before) throw noSuchJob(id);
    assertVersion(id, last, options);
    if (isTerminal(before.status)) {
      if (await removeSchedules(broker, id)) return before;
      throw new ConflictError(`job ${id} is ${before.state} already, so it cannot be cancelled`);
    }
    await assertKnown(broker, before);
    const marks = await endsOf(broker, before);
    const reported = await withProgress(broker, before);
    const record = cancelledRecord(broker.known, reported, reason, broker.clock.now());
    let seq: number;
    try {
      seq = await broker.appendEvent(record, last?.seq ?? 0);
    } catch (error) {
      if (error instanceof ConflictError) continue;
      throw error;
    }
    broker.notices.announceCancelled(id, seq);
    if (!last && (await wasRemoved(broker, before, marks.get('events') ?? seq, seq))) {
      await broker.topology.deleteMessage('events', seq);
      throw noSuchJob(id);
    }
    await enqueueFollowUps(broker, record);
    if (isAwaiting(record)) await settleWaits(broker, record, cancelJob);
    await removeMessages(broker, record, marks);
    return record;
  }
}

/**
 * Whether a job that had no record has run and was removed since it was found, which the fence of that write could not
 * see. Its message is gone then, as it may be for other reasons, and so is an event that was stored meanwhile.
 * @param since where EVENTS ended when the job had no record
 * @param seq of the cancellation, or of what else was written
 */
export async function wasRemoved(
  broker: Broker,
  found: JobRecord,
  since: number,
  seq: number,
): Promise<boolean> {
  if (found.state !== 'queued' || (await isStoredAtLeaders(broker, found))) return false;
  const countFrom = (first: number) => broker.read.count(broker.subjects.streamName('events'), '>', first);
  const [stored, later] = await Promise.all([countFrom(since + 1), countFrom(seq)]);
  return stored - later < seq - since - 1;
}

/** The record of a job that somebody cancelled, from whatever it was before. */
export function cancelledRecord(
  jobs: KnownJobs,
  before: JobRecord,
  reason: string | undefined,
  nowMs: number,
): JobRecord {
  const message = reason ? `The job was cancelled: ${reason}` : 'The job was cancelled';
  const error: JobErrorInfo = { code: 'JETFLEET_CANCELLED', message, retryable: false };
  const { attempt, checkpoint } = before;
  return withFollowUps(
    jobs,
    transitionRecord(before, 'cancelled', { attempt, checkpoint, error }, { nowMs }),
  );
}

/** A schedule may have the name of a job that has ended; @returns whether there was one */
async function removeSchedules({ subjects, topology }: Broker, id: string): Promise<boolean> {
  const filters = WORK_KINDS.flatMap((kind) => subjects.schedulesOf(kind, id));
  await Promise.all(ticksOfAll(subjects, filters).map((ticks) => topology.purge('timers', ticks)));
  const purged = await Promise.all(filters.map((filter) => topology.purge('timers', filter)));
  return purged.some((count) => count > 0);
}

/** What is known of the ticks of schedules. */
function ticksOfAll(subjects: Subjects, schedules: readonly string[]): string[] {
  return schedules.flatMap((schedule) => {
    const at = placeOf(subjects, schedule);
    return at ? [ticksSubject(subjects, at)] : [];
  });
}

type Ends = ReadonlyMap<StreamKind, number>;

/** Where the streams that may hold the job end now: what comes later is not ours to remove. */
async function endsOf(broker: Broker, { type }: JobRecord): Promise<Ends> {
  const kinds: StreamKind[] = ['timers', 'events', ...broker.subjects.workKindsFor(type)];
  const ends = kinds.map(async (kind): Promise<[StreamKind, number]> => {
    const { state } = await broker.topology.streamInfo(kind);
    return [kind, state.last_seq];
  });
  return new Map(await Promise.all(ends));
}

/**
 * Removes what would bring the job back, up to `ends`. A message that some consumer covers is left to the workers:
 * whoever meets it finds the job ended, and acknowledges. Taking messages away from under a consumer can make
 * nats-server forget others that it must hand out again (see decision 15).
 */
async function removeMessages(broker: Broker, job: JobRecord, ends: Ends): Promise<void> {
  const { subjects, topology } = broker;
  const { id, type } = job;
  for (const kind of subjects.workKindsFor(type)) {
    const schedules = subjects.schedulesOf(kind, id);
    const own = withEarlier(job).flatMap((each) => timersOf(subjects, kind, each));
    const timers = new Set([...schedules, ...own]);
    await Promise.all([...timers].map((timer) => topology.purge('timers', timer, ends.get('timers'))));
    const ticks = job.schedule === undefined ? [] : ticksOfAll(subjects, schedules);
    await Promise.all(ticks.map((each) => topology.purge('timers', each)));
    for (const { priority } of withEarlier(job)) {
      if (await topology.consumer(kind, subjects.consumerName(type, priority))) continue;
      await topology.purge(kind, subjects.work({ kind, priority, type, id }), ends.get(kind));
    }
    if (await topology.consumer(kind, subjects.consumerName(type, job.priority))) continue;
    const bare = await bareMessageOf(broker, kind, job);
    if (bare) await removeCarriers(broker, [bare]);
  }
}
