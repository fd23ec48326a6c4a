import type { Broker } from '../broker/broker.js';
import { forbiddenIn } from '../broker/connection/forbidden.js';
import { assertPayloadOf } from '../jobs/define-job.js';
import { defined } from '../jobs/defined.js';
import { ConflictError, JetfleetError, ValidationError } from '../jobs/errors.js';
import { checkFacts, checkPayload } from '../jobs/job-check.js';
import { derivedId, generateJobId } from '../jobs/job-id.js';
import type { JobRecord, PastFailure } from '../jobs/job-record.js';
import { MAX_PAST_FAILURES } from '../jobs/limits.js';
import type { OptionNames } from '../jobs/options.js';
import { encodePayload } from '../jobs/validation.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { ANY, type Any } from '../wire/subjects.js';
import { type DeadLetterFilter, deadLetterPages } from './dead-letters/dead-letter-filter.js';
import { dueIn, type Pace, paceOf } from './dead-letters/pace.js';
import { isForObject } from './job-add-checked.js';
import { assertVersion, findJob, noSuchJob, VERSION_OPTIONS, type VersionOptions } from './job-lookup.js';
import { requestOf } from './transition-record.js';
import { addUnique } from './unique/add-unique.js';
import { reclaimKey } from './unique/reclaim-key.js';

/** How one job is run again. */
export interface RetryOptions extends VersionOptions {
  /** In the place of its payload. It is checked by the schema of the type, where this process knows its definition. */
  payload?: unknown;
  /** How long it waits before it runs, in milliseconds, at most 366 days. Defaults to not at all. */
  delayMs?: number;
}

export const RETRY_OPTIONS: OptionNames<Required<RetryOptions>> = {
  ...VERSION_OPTIONS,
  payload: true,
  delayMs: true,
};

/**
 * Takes a FAILED job out of the dead letters: it is queued again with its attempts counted from 1, and keeps what
 * went wrong before in `failures`. What its first life rented is deleted by a job of its own, and never adopted.
 * @throws JetfleetError `JETFLEET_NOT_FOUND`; ConflictError when the job is not FAILED, or has no payload to run
 * @throws ValidationError `JETFLEET_PAYLOAD_*` for a new payload that does not fit; nothing is written then
 */
export async function redriveJob(
  broker: Broker,
  id: string,
  { delayMs, ...options }: RetryOptions = {},
): Promise<JobRecord> {
  const due = await dueIn(broker, delayMs);
  const { record, failure } = await queueAgain(broker, id, { ...options, ...defined({ due }) });
  await broker.topology.deleteMessage('events', failure);
  return record;
}

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
  const createdAt = new Date(broker.clock.now()).toISOString();
  const payload = await broker.extra.objects.copy(id, job.payload, again);
  const { unique, ...request } = { ...requestOf(job), payload, id: again, createdAt };
  if (unique?.scope !== 'active') await broker.jobs.enqueue(request);
  else {
    const body = encodePayload(request.payload);
    const asked = { ...unique, scope: unique.scope, onConflict: 'reject' as const };
    await addUnique(broker, { request: { ...request, unique }, body, unique: asked });
  }
  return again;
}

/** A job that is queued again, and the sequence of the failure that it no longer has. */
interface Redriven {
  record: JobRecord;
  failure: number;
}

async function queueAgain(
  broker: Broker,
  id: string,
  { payload, ...options }: VersionOptions & Change = {},
): Promise<Redriven> {
  const last = await broker.lastEvent(id);
  const before = last?.record ?? (await findJob(broker, id));
  if (!before) throw noSuchJob(id);
  assertVersion(id, last, options);
  if (before.status !== 'failed' || !last) {
    throw new ConflictError(`job ${id} is ${before.state}, and only a FAILED job can be retried`);
  }
  const change = payload === undefined ? {} : { payload: await checkedNew(broker, before, payload) };
  return queueFailed(broker, before, last.seq, { ...change, ...defined({ due: options.due }) });
}

/** What a job gets for its next life. */
interface Change {
  /** Checked. */
  payload?: unknown;
  /** When it may begin, instead of at once. */
  due?: ReturnType<Pace>;
}

/** @throws ValidationError `JETFLEET_PAYLOAD_*` */
async function checkedNew(broker: Broker, job: JobRecord, payload: unknown): Promise<unknown> {
  const { type } = job;
  const definition = broker.known.get(type);
  const checked = checkPayload(type, payload, definition, broker.extra.objects.maxBytes);
  if (definition) await assertPayloadOf(definition, checked.body);
  return isForObject(broker, checked)
    ? broker.extra.objects.put(job, 'payload', checked.body)
    : checked.payload;
}

/** @throws ConflictError when the failure is not the job's last event, or there is no payload to run */
async function queueFailed(
  broker: Broker,
  failed: JobRecord,
  failure: number,
  { payload, due }: Change = {},
): Promise<Redriven> {
  if (payload === undefined && failed.payload === null && UNREADABLE.test(failed.error?.code ?? '')) {
    const why = `the body of job ${failed.id} could not be read, so there is nothing to run again; give it a new payload`;
    throw new ConflictError(why);
  }
  const record = redrivenRecord(failed, broker.clock.now(), { payload, due });
  checkFacts(requestOf(record));
  if (failed.unique) await reclaimKey(broker, failed, failure);
  await broker.appendEvent(record, failure);
  if (record.tags) await broker.tags.open([record]);
  if (!due) await broker.jobs.enqueueAgain(requestOf(record));
  else {
    const kind = broker.subjects.workKindOf(record.type);
    await broker.jobs.setTimer(kind, { ...requestOf(record), state: record.state }, due.timerMs);
  }
  return { record, failure };
}

/** Failures that are taken together. */
const PAGE = 250;

/**
 * Redrives every dead letter that fits, oldest first; one that somebody else took meanwhile is passed over.
 * @param rate jobs a second. Defaults to all at once
 */
export async function redriveJobs(
  broker: Broker,
  filter: DeadLetterFilter = {},
  onProgress: (done: number) => void = () => {},
  rate?: number,
): Promise<string[]> {
  // What fails again while this runs belongs to the next call.
  const redriven = new Set<string>();
  const pace = await paceOf(broker, rate);
  let taken = 0;
  for await (const page of deadLetterPages(broker, filter, PAGE)) {
    const fitting = page.filter(({ job }) => !redriven.has(job.id));
    // Together their writes and removals wait for the disk as long as one of them.
    const each = await Promise.all(
      fitting.map(({ job, event }) => queueUnlessMoved(broker, job, event.seq, pace(taken++))),
    );
    const queued = each.filter((one) => one !== undefined);
    for (const { record } of queued) redriven.add(record.id);
    await forgetFailures(broker, filter.type ?? ANY, queued);
    onProgress(redriven.size);
  }
  return [...redriven];
}

/** As a rule the failure is the job's last event, which the write itself finds out. */
async function queueUnlessMoved(
  broker: Broker,
  failed: JobRecord,
  seq: number,
  due: ReturnType<Pace>,
): Promise<Redriven | undefined> {
  const change = defined({ due });
  try {
    return await queueFailed(broker, failed, seq, change);
  } catch (error) {
    if (!(error instanceof ConflictError)) return passOver(error);
    return queueAgain(broker, failed.id, change).catch(passOver);
  }
}

function redrivenRecord(before: JobRecord, nowMs: number, { payload, due }: Change): JobRecord {
  const { error, finishedAt, attempt, state } = before;
  // What belongs to the life that failed: its outcome, its progress, and what followed from it.
  const {
    error: _,
    finishedAt: __,
    result,
    checkpoint,
    next,
    workSeq,
    worker,
    startedAt,
    handlerVersion,
    expiresAt,
    ...others
  } = before;
  const { progress, progressAt, chunks, waits, ...kept } = others;
  const failure: PastFailure = {
    state,
    attempt,
    ...(finishedAt !== undefined && { finishedAt }),
    ...(error && { code: error.code, message: error.message }),
    ...(payload !== undefined && { edited: true as const }),
  };
  return {
    ...kept,
    // Its waits begin again. That it has some is still known, for what its first life may have left.
    ...(waits && { waits: {} }),
    ...(payload !== undefined && { payload }),
    status: 'pending',
    state: due ? 'retrying' : 'queued',
    ...(due && { nextRunAt: new Date(due.dueMs).toISOString() }),
    attempt: 0,
    updatedAt: new Date(nowMs).toISOString(),
    redrives: (before.redrives ?? 0) + 1,
    failures: [...(before.failures ?? []), failure].slice(-MAX_PAST_FAILURES),
  };
}

/**
 * A job has one terminal event at most, so that counts and lists need not read what came after it. Where these failures are
 * all that there are up to the last of them, they go in one request.
 */
async function forgetFailures(
  broker: Broker,
  type: string | Any,
  queued: readonly Redriven[],
): Promise<void> {
  if (queued.length === 0) return;
  const { subjects, read, topology } = broker;
  const failures = new Set(queued.map(({ failure }) => failure));
  const upTo = Math.max(...failures);
  const filter = subjects.event(type, 'failed', ANY);
  const stored = await read.page(subjects.streamName('events'), filter, 1, failures.size + 1);
  const before = stored.filter(({ seq }) => seq <= upTo);
  const areAll = before.length === failures.size && before.every(({ seq }) => failures.has(seq));
  const oneByOne = () => Promise.all([...failures].map((seq) => topology.deleteMessage('events', seq)));
  if (!areAll) await oneByOne();
  // Who may retry jobs may perhaps not remove whole ranges of records.
  else
    await topology
      .purge('events', filter, upTo)
      .catch((error) => (forbiddenIn(error) ? oneByOne() : Promise.reject(error)));
}

/** How a job failed whose message held no payload that could be kept. */
const UNREADABLE = /^JETFLEET_(BODY_|PAYLOAD_TOO_|MESSAGE_TOO_LARGE|HEADER_INVALID|ID_INVALID)/;

/** Somebody was faster, or the record could not be added as a job: another client may have written it. */
function passOver(error: unknown): undefined {
  const isGone =
    JetfleetError.is(error, 'JETFLEET_NOT_FOUND') || JetfleetError.is(error, 'JETFLEET_UNIQUE_TAKEN');
  if (!isGone && !(error instanceof ConflictError) && !(error instanceof ValidationError)) throw error;
}
