import type { JobErrorInfo } from './errors.js';
import type { UniqueKey } from './unique-options.js';
import type { JobPriority, JobState, JobStatus } from './vocabulary.js';
import type { WaitsFor } from './waits-for.js';

/** A job that a finished job asks for; its id is derived, so publishing it twice makes one job. */
export interface FollowUp {
  type: string;
  id: string;
  payload: unknown;
  priority: JobPriority;
  maxAttempts?: number;
  timeoutMs?: number;
  webhookUrl?: string;
  tags?: readonly string[];
}

/** How a job ended before it was taken out of the dead letters. */
export interface PastFailure {
  state: JobState;
  /** Attempts that it had used. */
  attempt: number;
  finishedAt?: string;
  code?: string;
  message?: string;
  /** It was given another payload after that. */
  edited?: true;
}

/** What somebody has changed of a job while it waited. */
export interface JobChange {
  what: 'promoted' | 'rescheduled' | 'priority';
  at: string;
  /** Who, where that is known. */
  by?: string;
}

/**
 * The whole state of a job. Each transition appends one of these to EVENTS on
 * `events.<type>.<status>.<id>`; the last one for an id is the job, all of them are its history.
 * Times are ISO 8601 strings in UTC, durations milliseconds.
 */
export interface JobRecord<P = unknown, R = unknown> {
  /** Version of this layout. */
  v: 1;
  id: string;
  type: string;
  priority: JobPriority;
  status: JobStatus;
  state: JobState;
  /** What the producer sent; null when it could not be read. */
  payload: P;
  /** The attempt that runs, or ran last; 0 before the first. */
  attempt: number;
  maxAttempts: number;
  /** Limit for one attempt. */
  timeoutMs?: number;
  /** How long the job may wait for its first attempt, from when it may start. */
  expiresInMs?: number;
  /** When that is over; of a scheduled job, counted from its time. */
  expiresAt?: string;
  webhookUrl?: string;
  /** By what it is found again; none where there are none. */
  tags?: readonly string[];
  createdAt: string;
  updatedAt: string;
  /** When the first attempt began. */
  startedAt?: string;
  /** When the job became COMPLETED or FAILED. */
  finishedAt?: string;
  /** When the next attempt or poll is due: of a scheduled, retrying or waiting job. */
  nextRunAt?: string;
  /** Of a job that waits for a permit: of which limit and key, and since when. */
  limited?: { limit: string; key: string; since: string };
  /** The last change that somebody made while the job waited. */
  change?: JobChange;
  /** Priorities that it had before, under which a message of it may still be stored. */
  earlierPriorities?: JobPriority[];
  /** Of a recurring schedule: its expression. Each run is a job of its own. */
  schedule?: string;
  /** Of a run of a recurring schedule: the name of the schedule. */
  scheduledBy?: string;
  /** The worker that wrote this record. */
  worker?: string;
  /** Sequence of the work message that owns the job while it is processing. */
  workSeq?: number;
  /** What the handler left for later attempts. */
  checkpoint?: unknown;
  result?: R;
  /** What the handler reported last of how far it is: any JSON, by custom a percentage or `{ done, total, message }`. */
  progress?: unknown;
  /** When it did. */
  progressAt?: string;
  /** How many lines the handlers of the job have logged, and how many chunks that of the last attempt has emitted; on the record of its end. */
  logLines?: number;
  chunks?: number;
  /** Of a failed job, and of a retrying one: why the last attempt failed. */
  error?: JobErrorInfo;
  /** Jobs that follow from this one. */
  next?: FollowUp[];
  /** The job that this one followed from. */
  parentId?: string;
  /** The key that no other job of its type has meanwhile. */
  unique?: UniqueKey;
  /** How often the job was taken back out of the dead letters; each time its attempts count from 1 again. */
  redrives?: number;
  /** How its earlier lives ended, oldest first; the last 10. */
  failures?: PastFailure[];
  /** W3C trace context of the producer. */
  traceparent?: string;
  tracestate?: string;
  /** The group of its parent's children in which the end of this one counts. */
  awaited?: string;
  /** Of a waiting job: what wakes it before `nextRunAt`. */
  waitsFor?: WaitsFor;
  /** Of a job that has waited for signals or children: when each of its waits with a timeout ends, by name and number. */
  waits?: Record<string, string>;
  /** The version of the handler that the job has begun with, where its type has versions. */
  handlerVersion?: number;
  /** The chart that made the transition. */
  machine: { id: string; version: number };
}

/** What a queue knows of a job that no worker has touched yet: its message is the record. */
export interface JobRequest {
  id: string;
  /** The id was made for this message, so that no other one carries it. */
  isNew?: true;
  type: string;
  priority: JobPriority;
  payload: unknown;
  maxAttempts?: number;
  timeoutMs?: number;
  expiresInMs?: number;
  expiresAt?: string;
  webhookUrl?: string;
  tags?: readonly string[];
  parentId?: string;
  awaited?: string;
  scheduledBy?: string;
  unique?: UniqueKey;
  traceparent?: string;
  tracestate?: string;
  createdAt: string;
  change?: JobChange;
}

export const JOB_MACHINE = { id: 'job', version: 1 } as const;

/** The PENDING record of a job that waits in the work stream, or for its timer when `nextRunAt` is given. */
export function pendingRecord(
  { isNew: _, ...request }: JobRequest,
  maxAttempts: number,
  nextRunAt?: string,
): JobRecord {
  return {
    v: 1,
    ...request,
    status: 'pending',
    state: nextRunAt === undefined ? 'queued' : 'scheduled',
    attempt: 0,
    maxAttempts: request.maxAttempts ?? maxAttempts,
    updatedAt: request.createdAt,
    ...(nextRunAt !== undefined && { nextRunAt }),
    machine: JOB_MACHINE,
  };
}

/** How a job fails whose last attempt was lost with its worker. `more` goes on with the sentence. */
export function stalledError({ worker, attempt, maxAttempts }: JobRecord, more = ''): JobErrorInfo {
  return {
    code: 'JETFLEET_STALLED',
    message: `worker ${worker ?? 'unknown'} fell silent in attempt ${attempt} of ${maxAttempts}${more}`,
    retryable: false,
  };
}
