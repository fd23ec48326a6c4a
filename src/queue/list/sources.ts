/** What lists are made of: messages of one filter that stand for jobs, read in one direction from a place on. */
import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { JobPriority, JobStatus } from '../../jobs/vocabulary.js';
import { ANY, type Any, type StreamKind, type TimerReason, type WorkKind } from '../../wire/subjects.js';
import { pendingRecordOf } from '../job-lookup.js';
import type { TimeRange } from './job-filter.js';
import { timerJobs, touchedJobs } from './work-jobs.js';

export type Direction = 'newest' | 'oldest';

/** Sequences, both ends included. */
export interface SequenceRange {
  first: number;
  last: number;
}

/** Which messages of a stream to read next. */
export interface PageQuery extends SequenceRange {
  kind: StreamKind;
  filter: string;
  direction: Direction;
  size: number;
}

export interface Page {
  messages: StoredMessage[];
  /** The sequence to go on with; absent at the end. */
  next?: number;
  /** What it cost. */
  read: number;
  bytes: number;
}

/** The one way in which a source reads its messages: all of its filter, or those of some ids. */
export type ReadPage = (query: PageQuery) => Promise<Page>;

export interface Source {
  read(direction: Direction, from: number | undefined, size: number): Promise<Page>;
  /** The job that each message is to be listed by, if any: no job has two in one list. */
  toJobs(messages: StoredMessage[]): Promise<(JobRecord | undefined)[]>;
}

/** Limits of a source, found out when it is first read. */
interface Limits {
  first?: () => Promise<number>;
  last?: () => Promise<number>;
}

interface WorkLimits extends Limits {
  /** Which jobs that a worker has touched are listed by their work message. */
  fits: (job: JobRecord, seq: number) => boolean | Promise<boolean>;
  /** Whether jobs that no worker has touched are listed. Defaults to false. */
  untouched?: boolean;
  /** Whether only pending jobs are listed: they have not changed since their message came. Defaults to false. */
  isPending?: boolean;
}

/** When messages were stored, milliseconds since the epoch. Defaults to any time. */
export interface StoredRange {
  fromMs?: number;
  beforeMs?: number;
}

/** A message is stored a little after the time on its record, and clocks differ. */
const SLACK_MS = 250;

export type Sources = ReturnType<typeof sourcesOf>;

/**
 * The sources of the jobs that may have changed in a range of time.
 * @param stored of the messages that they are listed by
 */
export function sourcesOf(
  broker: Broker,
  type: string | Any,
  changed: TimeRange,
  readPage: ReadPage,
  stored: StoredRange = {},
) {
  const { subjects } = broker;
  const sourceOf = (
    kind: StreamKind,
    filter: string,
    toJobs: Source['toJobs'],
    range = changed,
    limits: Limits = {},
  ): Source => {
    let bounds: Promise<SequenceRange> | undefined;
    return {
      toJobs,
      read: async (direction, from, size) => {
        bounds ??= boundsOf(broker, kind, range, stored, limits);
        let { first, last } = await bounds;
        if (from !== undefined && direction === 'oldest') first = Math.max(first, from);
        if (from !== undefined && direction === 'newest') last = Math.min(last, from);
        if (first > last) return { messages: [], read: 0, bytes: 0 };
        return readPage({ kind, filter, direction, size, first, last });
      },
    };
  };
  return {
    /** Jobs that have ended. */
    ended(status: 'completed' | 'failed'): Source {
      const toJobs = status === 'failed' ? failedJobs : completedJobs;
      const filter = subjects.event(type, status, ANY);
      return sourceOf('events', filter, (messages) => toJobs(broker, messages));
    },

    /** Jobs that wait in the queue, and those that run: these may have begun long after their message came. */
    work(
      kind: WorkKind,
      priority: JobPriority | Any,
      { fits, untouched = false, isPending = false, ...limits }: WorkLimits,
    ): Source {
      const range = isPending ? changed : { ...changed, sinceMs: 0 };
      const filter = subjects.workFilter(kind, priority, type);
      const toJobs = (messages: StoredMessage[]) => touchedJobs(broker, kind, messages, fits, untouched);
      return sourceOf(kind, filter, toJobs, range, limits);
    },

    /** Jobs behind a timer that Jetfleet has set. */
    timers(kind: WorkKind, reason: TimerReason, priority: JobPriority | Any, status?: JobStatus): Source {
      const filter = subjects.timer(reason, { kind, priority, type, id: ANY });
      return sourceOf('timers', filter, (messages) => timerJobs(broker, messages, reason, status));
    },

    /** Jobs that producers have delayed, and recurring ones. */
    scheduled(kind: WorkKind): Source[] {
      const toJobs = async (messages: StoredMessage[]) =>
        messages.map((message) => pendingRecordOf(broker, message));
      return subjects.scheduleFilters(kind).map((filter) => sourceOf('timers', filter, toJobs));
    },
  };
}

async function boundsOf(
  { read, subjects }: Broker,
  kind: StreamKind,
  { sinceMs, untilMs }: TimeRange,
  { fromMs, beforeMs }: StoredRange,
  limits: Limits,
): Promise<SequenceRange> {
  const stream = subjects.streamName(kind);
  const [since, until, from, before, first, last] = await Promise.all([
    sinceMs > 0 ? read.sequenceAt(stream, sinceMs - SLACK_MS) : 1,
    Number.isFinite(untilMs) ? read.sequenceAt(stream, untilMs + SLACK_MS) : Number.POSITIVE_INFINITY,
    fromMs === undefined ? 1 : read.sequenceAt(stream, fromMs),
    beforeMs === undefined ? Number.POSITIVE_INFINITY : read.sequenceAt(stream, beforeMs),
    limits.first?.() ?? 1,
    limits.last?.() ?? Number.POSITIVE_INFINITY,
  ]);
  return { first: Math.max(since, from, first), last: Math.min(until - 1, before - 1, last) };
}

/** A page of messages that a filter matches, as the server finds them: it counts all that follow. */
export async function filterPage(
  { read, subjects }: Broker,
  { kind, filter, direction, size, first, last }: PageQuery,
): Promise<Page> {
  const stream = subjects.streamName(kind);
  const isForward = direction === 'oldest';
  const page = isForward
    ? await read.page(stream, filter, first, size)
    : await read.pageBefore(stream, filter, last, size, first);
  const messages = page.filter(({ seq }) => seq <= last);
  const end = messages.at(-1);
  const isLast = !end || messages.length < size || end.seq === (isForward ? last : first);
  return {
    messages,
    ...(!isLast && { next: end.seq + (isForward ? 1 : -1) }),
    read: page.length,
    bytes: bytesOf(page),
  };
}

export function bytesOf(messages: readonly StoredMessage[]): number {
  return messages.reduce((sum, { data }) => sum + data.length, 0);
}

async function completedJobs(broker: Broker, messages: StoredMessage[]): Promise<(JobRecord | undefined)[]> {
  return messages.map((message) => broker.recordOf(message));
}

/** A job that was redriven may still have the record of its failure, when the process died that redrove it. */
async function failedJobs(broker: Broker, messages: StoredMessage[]): Promise<(JobRecord | undefined)[]> {
  const { read, subjects } = broker;
  const records = messages.map((message) => broker.recordOf(message));
  const after: JobStatus[] = ['pending', 'failed'];
  const later = await read.lastOfEach(
    subjects.streamName('events'),
    records.flatMap((record) =>
      record ? after.map((status) => subjects.event(record.type, status, record.id)) : [],
    ),
  );
  const latest = new Map<string, number>();
  for (const { subject, seq } of later) {
    const id = subjects.parseEvent(subject)?.id ?? '';
    latest.set(id, Math.max(seq, latest.get(id) ?? 0));
  }
  return records.map((record, index) => {
    const seq = messages[index]?.seq ?? 0;
    return record && (latest.get(record.id) ?? 0) <= seq ? record : undefined;
  });
}
