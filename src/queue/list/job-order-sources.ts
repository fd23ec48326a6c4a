import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { type JobPriority, type JobStatus, PRIORITIES } from '../../jobs/vocabulary.js';
import { ANY, type Any, type StreamKind, WORK_KINDS, type WorkKind } from '../../wire/subjects.js';
import { pendingRecordOf } from '../job-lookup.js';
import type { JobFilter } from './job-filter.js';
import { deliveredBounds, timerJobs, touchedJobs } from './work-jobs.js';

/** Which jobs are wanted by the time of their last change, milliseconds since the epoch, both ends included. */
export interface TimeRange {
  sinceMs: number;
  untilMs: number;
}

/** The messages of one filter, which stand for jobs, in the order in which they were stored. */
export interface OrderedSource {
  /**
   * The next messages from the sequence `from` on, in the order that is asked for.
   * @returns `next`: where to go on, undefined when nothing is left
   */
  read(
    order: 'newest' | 'oldest',
    from: number | undefined,
    size: number,
  ): Promise<{ messages: StoredMessage[]; next?: number }>;
  /** The job that each message is to be listed by, if any: no job has two. */
  toJobs(messages: StoredMessage[]): Promise<(JobRecord | undefined)[]>;
}

/** A message is stored a little after the time on its record, and clocks differ. */
const SLACK_MS = 250;

/** Sources that hold every job of the filter once. */
export function orderedSources(broker: Broker, filter: JobFilter, range: TimeRange): OrderedSource[] {
  const wants = (status: JobStatus) => !filter.status || filter.status === status;
  const { subjects } = broker;
  const type = filter.type ?? ANY;
  const sources: OrderedSource[] = [];
  for (const status of ['completed', 'failed'] as const) {
    if (!wants(status)) continue;
    const toJobs = status === 'failed' ? failedJobs : completedJobs;
    const event = subjects.event(type, status, ANY);
    sources.push(source(broker, 'events', event, range, (messages) => toJobs(broker, messages)));
  }
  if (!wants('pending') && !wants('processing')) return sources;
  for (const kind of WORK_KINDS) {
    sources.push(...workSources(broker, kind, filter, range));
    for (const reason of ['waiting', 'retrying'] as const) {
      if (!wants(reason === 'waiting' ? 'processing' : 'pending')) continue;
      for (const priority of filter.priority ? [filter.priority] : PRIORITIES) {
        const timer = subjects.timer(reason, { kind, priority, type, id: ANY });
        sources.push(
          source(broker, 'timers', timer, range, (messages) => timerJobs(broker, messages, reason)),
        );
      }
    }
    if (!wants('pending')) continue;
    const toJobs = async (messages: StoredMessage[]) =>
      messages.map((message) => pendingRecordOf(broker, message));
    for (const timers of subjects.scheduleFilters(kind))
      sources.push(source(broker, 'timers', timers, range, toJobs));
  }
  return sources;
}

/** Jobs that wait in the queue, and those that run. */
function workSources(broker: Broker, kind: WorkKind, filter: JobFilter, range: TimeRange): OrderedSource[] {
  const { type = ANY, priority, status } = filter;
  const fits = (job: JobRecord) => job.status === 'pending' || job.status === 'processing';
  const toJobs = (messages: StoredMessage[]) => touchedJobs(broker, kind, messages, fits, true);
  const add = (which: JobPriority | Any, within: TimeRange, lastSeq?: () => Promise<number>) =>
    source(broker, kind, broker.subjects.workFilter(kind, which, type), within, toJobs, lastSeq);
  if (status === 'pending') return [add(priority ?? ANY, range)];
  // A job that runs changed when it began, which may be long after its message came.
  const until = { ...range, sinceMs: 0 };
  if (status !== 'processing') return [add(priority ?? ANY, until)];
  // What nobody has been given yet does not run. Each priority has come another way.
  const bounds = deliveredBounds(broker, filter);
  return (priority ? [priority] : PRIORITIES).map((each) => add(each, until, () => bounds(kind, each)));
}

async function completedJobs(broker: Broker, messages: StoredMessage[]) {
  return messages.map((message) => broker.recordOf(message));
}

/** A job that was redriven may still have the record of its failure, when the process died that redrove it. */
async function failedJobs(broker: Broker, messages: StoredMessage[]) {
  const { read, subjects } = broker;
  const records = messages.map((message) => broker.recordOf(message));
  const later = await read.lastOfEach(
    subjects.streamName('events'),
    records.flatMap((record) =>
      record
        ? [
            subjects.event(record.type, 'pending', record.id),
            subjects.event(record.type, 'failed', record.id),
          ]
        : [],
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

function source(
  broker: Broker,
  kind: StreamKind,
  filter: string,
  { sinceMs, untilMs }: TimeRange,
  toJobs: OrderedSource['toJobs'],
  lastSeq?: () => Promise<number>,
): OrderedSource {
  const { read, subjects } = broker;
  const stream = subjects.streamName(kind);
  let bounds: Promise<{ first: number; last: number }> | undefined;
  const findBounds = async () => {
    const [first, end, last] = await Promise.all([
      sinceMs > 0 ? read.sequenceAt(stream, sinceMs - SLACK_MS) : 1,
      Number.isFinite(untilMs) ? read.sequenceAt(stream, untilMs + SLACK_MS) : Number.POSITIVE_INFINITY,
      lastSeq?.() ?? Number.POSITIVE_INFINITY,
    ]);
    return { first, last: Math.min(end - 1, last) };
  };
  return {
    toJobs,
    async read(order, from, size) {
      bounds ??= findBounds();
      const { first, last } = await bounds;
      if (order === 'oldest') {
        const page = await read.page(stream, filter, Math.max(first, from ?? 1), size);
        const messages = page.filter(({ seq }) => seq <= last);
        const end = messages.at(-1);
        return end && messages.length === size ? { messages, next: end.seq + 1 } : { messages };
      }
      const messages = await read.pageBefore(stream, filter, Math.min(last, from ?? last), size, first);
      const end = messages.at(-1);
      return end && messages.length === size && end.seq > first
        ? { messages, next: end.seq - 1 }
        : { messages };
    },
  };
}
