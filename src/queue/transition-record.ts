/** The record that a transition writes: pure functions from the record before, and what the chart decided. */
import type { Broker } from '../broker/broker.js';
import { defined } from '../jobs/defined.js';
import { type JobErrorInfo, ValidationError } from '../jobs/errors.js';
import type { JobRecord, JobRequest } from '../jobs/job-record.js';
import type { KnownJobs } from '../jobs/known-jobs.js';
import { MAX_RECORD_BYTES } from '../jobs/limits.js';
import type { JobOutcome } from '../jobs/outcome.js';
import { isTerminal, type JobState, statusOf } from '../jobs/vocabulary.js';
import { encodeRecord } from '../wire/record-message.js';
import { askedFor, assertDifferent, followingFrom } from './follow-ups.js';
import { addFollowUp } from './job-add.js';
import { releaseKey } from './unique/release-key.js';

/** What only the worker knows about a transition. */
export interface TransitionFacts {
  /** Absent when no worker makes it: a queue cancels or redrives. */
  worker?: string;
  workSeq?: number;
  nowMs: number;
  /** Of a job that will wait: how long. */
  delayMs?: number;
}

/** What a transition takes from the chart. */
export interface Transition {
  attempt: number;
  checkpoint?: unknown;
  error?: JobErrorInfo;
  outcome?: JobOutcome;
}

/** The record of `state`. What belonged to the state before (due time, old error) is left behind. */
export function transitionRecord(
  before: JobRecord,
  state: JobState,
  { attempt, checkpoint, error, outcome }: Transition,
  { worker, workSeq, nowMs, delayMs }: TransitionFacts,
): JobRecord {
  const now = new Date(nowMs).toISOString();
  const status = statusOf(state);
  const record: JobRecord = { ...before, status, state, attempt, updatedAt: now };
  // What is undefined is not written: JSON leaves it out, and deleting keys would slow every later step down.
  record.nextRunAt = delayMs === undefined ? undefined : new Date(nowMs + delayMs).toISOString();
  record.finishedAt = isTerminal(status) ? now : undefined;
  record.error = error;
  if (record.limited) record.limited = undefined;
  if (before.waitsFor) record.waitsFor = undefined;
  if (state === 'running') record.startedAt ??= now;
  // Another attempt may begin from nothing.
  if (attempt > before.attempt && (record.progress !== undefined || record.chunks !== undefined))
    record.progress = record.progressAt = record.chunks = undefined;
  if (worker !== undefined) record.worker = worker;
  if (workSeq !== undefined) record.workSeq = workSeq;
  if (checkpoint !== undefined) record.checkpoint = checkpoint;
  if (outcome?.kind === 'completed' && outcome.result !== undefined) record.result = outcome.result;
  return record;
}

/**
 * A terminal record with the jobs that follow from it: those that its handler asked for, and those that its type says. They
 * are checked here, before the record is written.
 * @param mustEnd leaves out what `after` of the type fails to say
 * @throws ValidationError when one of them is no job that could be added, or the record would not fit into a message
 */
export function withFollowUps(
  jobs: KnownJobs,
  record: JobRecord,
  outcome?: JobOutcome,
  mustEnd = false,
): JobRecord {
  const own = followingFrom(jobs, record, mustEnd);
  const asked = outcome?.kind === 'completed' ? askedFor(jobs, record, outcome.next) : [];
  // Without any, the limits of payload, checkpoint and result keep the record below its own.
  if (asked.length + own.length === 0) return record;
  const next = [...asked, ...own];
  assertDifferent(next);
  const whole = { ...record, next };
  const bytes = Buffer.byteLength(encodeRecord(whole));
  if (bytes <= MAX_RECORD_BYTES) return whole;
  throw new ValidationError(
    'JETFLEET_RESULT_TOO_LARGE',
    `payload, result and next jobs have ${bytes} bytes together, the limit is ${MAX_RECORD_BYTES}; give next jobs references instead of data`,
  );
}

/**
 * What follows from a job that has ended, ready to publish. The ids are derived and the record lists them, so doing
 * it again after a crash adds nothing twice.
 */
export function followUpRequests(record: JobRecord): JobRequest[] {
  const {
    id: parentId,
    next = [],
    traceparent,
    tracestate,
    updatedAt,
    finishedAt: createdAt = updatedAt,
  } = record;
  return next.map((each) => ({ ...each, ...defined({ traceparent, tracestate }), parentId, createdAt }));
}

/** Publishes what follows from a job that has ended, gives its key back, and notes its end in the index of tags; doing it again adds nothing twice. Returns the ids. */
export async function enqueueFollowUps(broker: Broker, record: JobRecord): Promise<string[]> {
  if (record.tags) await broker.tags.settle(record);
  if (record.unique) await releaseKey(broker, record);
  return Promise.all(followUpRequests(record).map((request) => addFollowUp(broker, request)));
}

/** The work message that a record stands for, to be published again. */
export function requestOf(record: JobRecord): JobRequest {
  const { id, type, priority, payload, createdAt, maxAttempts } = record;
  const { timeoutMs, expiresInMs, webhookUrl, tags, parentId, awaited, unique, traceparent, tracestate } =
    record;
  const options = defined({
    timeoutMs,
    expiresInMs,
    webhookUrl,
    tags,
    parentId,
    awaited,
    unique,
    traceparent,
    tracestate,
  });
  return { id, type, priority, payload, createdAt, maxAttempts, ...options };
}
