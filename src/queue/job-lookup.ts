import type { Broker, LastEvent } from '../broker/broker.js';
import type { StoredMessage } from '../broker/read/direct-read.js';
import { JetfleetError } from '../jobs/errors.js';
import { isJobId, sequenceOf } from '../jobs/job-id.js';
import { type JobRecord, pendingRecord } from '../jobs/job-record.js';
import { DEFAULT_MAX_ATTEMPTS } from '../jobs/limits.js';
import { checkInteger } from '../jobs/numbers.js';
import type { OptionNames } from '../jobs/options.js';
import { Header } from '../wire/headers.js';
import { decodeJob, isFromTimers } from '../wire/job-message.js';
import { ANY, type Any, WORK_KINDS, type WorkKind } from '../wire/subjects.js';

/** A job as it stands, and what that is called. */
export interface JobVersion {
  job: JobRecord;
  /** Sequence of its last record in EVENTS; 0 for a job that no worker has touched. */
  seq: number;
}

/** How long a due job may be on its way, as after the loss of a node. */
const HANDOVER_MS = 60_000;

/** For changes to the version of a job that the caller has seen, and to no later one. */
export interface VersionOptions {
  /** The sequence of a {@link JobVersion}. Defaults to any. */
  ifSeq?: number;
}

export const VERSION_OPTIONS: OptionNames<Required<VersionOptions>> = { ifSeq: true };

/**
 * @param last of the job's events; a stranger's message alone is no version of it
 * @throws JetfleetError `JETFLEET_VERSION_MISMATCH` when the job has moved on from the version that is asked for
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
export function assertVersion(id: string, last: LastEvent | undefined, { ifSeq }: VersionOptions): void {
  checkInteger('ifSeq', ifSeq, 0);
  const seq = last?.record ? last.seq : 0;
  if (ifSeq === undefined || ifSeq === seq) return;
  throw new JetfleetError(
    'JETFLEET_VERSION_MISMATCH',
    `job ${id} is at version ${seq} now, not at ${ifSeq}; read it again`,
  );
}

/** As {@link findJob}, with the job's version. */
export async function findVersion(broker: Broker, id: string): Promise<JobVersion | undefined> {
  const found = await find(broker, id);
  if (found?.seq !== 0) return found;
  // It may have been touched between the two reads.
  return (await findTouched(broker, id)) ?? found;
}

/**
 * Finds one job without an index: its last event; else its work message, which is its PENDING record; else its timer.
 * @returns undefined for an id that nobody used, or whose record has expired
 */
export async function findJob(broker: Broker, id: string): Promise<JobRecord | undefined> {
  return (await find(broker, id))?.job;
}

async function find(broker: Broker, id: string): Promise<JobVersion | undefined> {
  // Anything else would be read as a pattern, or as more tokens.
  if (!isJobId(id)) return undefined;
  const touched = await findTouched(broker, id);
  if (touched) return touched;
  const pending = (await findStored(broker, id))[0] ?? (await findDue(broker, id));
  // Between the two reads a worker may have run it, and its message is gone.
  return pending ? { job: pending, seq: 0 } : findTouched(broker, id);
}

async function findTouched(broker: Broker, id: string): Promise<JobVersion | undefined> {
  const last = await broker.lastEvent(id);
  return last?.record && { job: last.record, seq: last.seq };
}

async function findDue(broker: Broker, id: string): Promise<JobRecord | undefined> {
  const message = await dueNow(broker, ANY, id);
  return message && pendingRecordOf(broker, message);
}

/** Whether whatever follows from a job exists. Whoever ended the job may have died, or be about to publish it. */
export async function isFollowedUp(broker: Broker, { next = [] }: JobRecord): Promise<boolean> {
  const found = await Promise.all(next.map(({ id }) => findClaims(broker, id)));
  return found.every((jobs) => jobs.length > 0);
}

/**
 * Every job that an id may stand for: the one that has a record, else those that are stored in any place. More than one
 * for a moment, after calls at the same time.
 */
export async function findClaims(broker: Broker, id: string): Promise<JobRecord[]> {
  const [touched, stored, due] = await Promise.all([
    broker.lastEvent(id),
    findStored(broker, id),
    findDue(broker, id),
  ]);
  if (touched?.record) return [touched.record];
  return stored.length === 0 && due ? [due] : stored;
}

/** By its message, and by its timer. */
async function findStored(broker: Broker, id: string): Promise<JobRecord[]> {
  const { subjects, read } = broker;
  const sequence = sequenceOf(id);
  if (sequence !== undefined) {
    if (sequence.seq === 0) return [];
    const message = await read.bySequence(subjects.streamName(sequence.kind), sequence.seq);
    const record = message && pendingRecordOf(broker, message);
    return record?.id === id ? [record] : [];
  }
  const timers = subjects.streamName('timers');
  const [work, scheduled] = await Promise.all([
    Promise.all(WORK_KINDS.map((kind) => firstWork(broker, kind, id))),
    Promise.all(subjects.schedulesOf(ANY, id).map((subject) => read.lastTogether(timers, subject))),
  ]);
  const timed = scheduled.map((message) => message && pendingRecordOf(broker, message));
  return [...work, ...timed].filter((record) => record !== undefined);
}

/** A job by its work message. Any producer can publish the id on another subject later; that must not hide the job. */
async function firstWork(broker: Broker, kind: WorkKind, id: string): Promise<JobRecord | undefined> {
  const { subjects, read } = broker;
  for (const message of await read.eachTogether(subjects.streamName(kind), subjects.workOf(kind, id))) {
    const record = pendingRecordOf(broker, message);
    if (record) return record;
  }
  return undefined;
}

/** A job whose timer has just fired, on its way to its work stream. */
export async function dueNow(
  broker: Broker,
  kind: WorkKind | Any,
  id: string,
): Promise<StoredMessage | undefined> {
  const due = await lastDue(broker, kind, id);
  return due && isOnItsWay(broker, due) ? due : undefined;
}

/** The last message by which a timer has brought a job. What has arrived is removed with its work message. */
export function lastDue(
  { subjects, read }: Broker,
  kind: WorkKind | Any,
  id: string,
): Promise<StoredMessage | undefined> {
  return read.lastTogether(subjects.streamName('timers'), subjects.dueOf(kind, id));
}

/** Whether a due message may not have arrived yet. */
export function isOnItsWay({ clock }: Broker, due: StoredMessage): boolean {
  return due.timeMs > clock.now() - HANDOVER_MS;
}

/** The PENDING record that a work message or a producer's timer is, or undefined for any other message. */
export function pendingRecordOf(broker: Broker, message: StoredMessage): JobRecord | undefined {
  const { subjects, sealer } = broker;
  const isTimer = subjects.isSchedule(message.subject);
  const { headers } = message;
  const target = isTimer ? headers.get(Header.SCHEDULE_TARGET) : message.subject;
  const dueWork = subjects.workOfDue(target);
  const subject = dueWork ?? (isTimer ? undefined : target);
  if (subject === undefined || !subjects.parseWork(subject)) return undefined;
  const isTrusted = dueWork !== undefined || isFromTimers(message);
  const { request } = decodeJob(subjects, { ...message, subject, wasRead: true }, isTrusted, sealer);
  const schedule = isTimer ? headers.get(Header.PAUSED_SCHEDULE) || headers.get(Header.SCHEDULE) : '';
  const dueAt = dueTime(schedule);
  if (dueAt !== undefined && request.expiresInMs !== undefined)
    request.expiresAt = new Date(Date.parse(dueAt) + request.expiresInMs).toISOString();
  const record = pendingRecord(request, maxAttemptsOf(broker, request.type), dueAt);
  const id = subjects.scheduleId(message.subject);
  if (id === undefined) return record;
  // What a schedule starts has an id of its own, so it is listed by its own name, and cancelled by it.
  const isRecurring = !schedule.startsWith('@at ');
  return isJobId(id) ? { ...record, id, state: 'scheduled', ...(isRecurring && { schedule }) } : undefined;
}

function maxAttemptsOf({ handlers, known }: Broker, type: string): number {
  return handlers.maxAttempts(type) ?? known.get(type)?.maxAttempts ?? DEFAULT_MAX_ATTEMPTS;
}

function dueTime(schedule: string): string | undefined {
  const time = schedule.startsWith('@at ') ? Date.parse(schedule.slice(4)) : Number.NaN;
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

/** The answer to an id that nobody used, or whose record has expired. */
export function noSuchJob(id: string): JetfleetError {
  return new JetfleetError(
    'JETFLEET_NOT_FOUND',
    `there is no job ${JSON.stringify(id)}; its record may have expired, or it is in another namespace`,
  );
}
