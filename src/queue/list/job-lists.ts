import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import { ValidationError } from '../../jobs/errors.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { type JobPriority, type JobStatus, PRIORITIES } from '../../jobs/vocabulary.js';
import { ANY, type StreamKind, WORK_KINDS, type WorkKind } from '../../wire/subjects.js';
import { pendingRecordOf } from '../job-lookup.js';
import { assertFilter, type JobFilter, type JobPage } from './job-filter.js';
import { listByTime } from './job-order.js';
import { ScanBudget } from './scan-budget.js';
import { type Bounds, deliveredBounds, timerJobs, touchedJobs } from './work-jobs.js';

/** A job of a listing, and the sequence of the message that it was found by. */
interface Found {
  seq: number;
  job: JobRecord;
}

/** One part of a listing, read oldest first from a sequence on. */
interface Stage {
  /** The next `size` messages from `position` on: the jobs among them, and where the rest begins, if any is left. */
  read(
    position: number,
    size: number,
  ): Promise<{ found: Found[]; next?: number; read: number; bytes: number }>;
}

/** Turns messages of a stream into the jobs that belong in the list. */
type ToJobs = (messages: StoredMessage[]) => Found[] | Promise<Found[]>;

/** Messages read at once at most; the broker tells the last events of as many jobs in one request. */
const READ = 256;
const LIST_ORDER: readonly JobStatus[] = ['processing', 'pending', 'completed', 'failed'];

/**
 * A page of jobs: processing, pending (critical first, then oldest first), completed, failed. A waiting job that is due
 * but has no free slot yet stands in its place in the queue. Jobs that move meanwhile can be missed between two pages.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for a filter, limit or cursor that cannot be used
 */
export async function listJobs(broker: Broker, filter: JobFilter): Promise<JobPage> {
  assertFilter(filter);
  const { order, state, id, since, until } = filter;
  if ([order, state, id, since, until].some((each) => each !== undefined)) return listByTime(broker, filter);
  const limit = filter.limit ?? 100;
  const jobs = new Map<string, JobRecord>();
  const fits = (job: JobRecord) =>
    (!filter.type || job.type === filter.type) && (!filter.priority || job.priority === filter.priority);
  const stages = stagesFor(broker, filter);
  let { stage, position } = parseCursor(filter.cursor, stages.length);
  const pageUpTo = (cursor: string): JobPage => ({ jobs: [...jobs.values()], cursor });
  const budget = new ScanBudget();
  for (let size = Math.min(READ, limit); stage < stages.length; ) {
    const part = await (stages[stage] as Stage).read(position, size);
    for (const { seq, job } of part.found) {
      if (!fits(job) || jobs.has(job.id)) continue;
      if (jobs.size === limit) return pageUpTo(`${stage}.${position}`);
      jobs.set(job.id, job);
      position = seq + 1;
    }
    if (part.next === undefined) stage++;
    position = part.next ?? 0;
    budget.spend(part.read, part.bytes);
    size = Math.min(READ, size * 2);
    if ((jobs.size >= limit || budget.isSpent) && stage < stages.length)
      return pageUpTo(`${stage}.${position}`);
  }
  return { jobs: [...jobs.values()] };
}

function parseCursor(cursor: string | undefined, stages: number): { stage: number; position: number } {
  if (cursor === undefined) return { stage: 0, position: 0 };
  const match = /^(\d{1,3})\.(\d{1,16})$/.exec(cursor);
  const stage = Number(match?.[1]);
  if (!match || stage >= stages) {
    throw new ValidationError(
      'JETFLEET_OPTION_INVALID',
      `cursor ${JSON.stringify(cursor)} is none of this listing; pass the one of the page before, with the same filter`,
    );
  }
  return { stage, position: Number(match[2]) };
}

function stagesFor(broker: Broker, filter: JobFilter): Stage[] {
  const bounds = deliveredBounds(broker, filter);
  const statuses = filter.status ? [filter.status] : LIST_ORDER;
  return statuses.flatMap((status) => {
    if (status === 'processing') return processingStages(broker, filter, bounds);
    if (status === 'pending') return pendingStages(broker, filter, bounds);
    return [finishedStage(broker, filter, status)];
  });
}

function finishedStage(broker: Broker, filter: JobFilter, status: JobStatus): Stage {
  return scan(broker, 'events', broker.subjects.event(filter.type ?? ANY, status, ANY), (messages) =>
    messages.flatMap((message) => found(message.seq, broker.recordOf(message))),
  );
}

/**
 * Jobs among the delivered messages, whether their worker lives or not, then those that hibernate. With this status
 * alone, also those whose timer has fired and that wait behind the backlog; else the pending stages find them there.
 */
function processingStages(broker: Broker, filter: JobFilter, bounds: Bounds): Stage[] {
  const isProcessing = ({ status }: JobRecord) => status === 'processing';
  const delivered = workStages(broker, filter, (work) => ({
    toJobs: async (messages) =>
      foundIn(messages, await touchedJobs(broker, work.kind, messages, isProcessing)),
    last: () => bounds(work.kind, work.priority),
  }));
  const backlog = workStages(broker, filter, (work) => ({
    toJobs: async (messages) =>
      foundIn(messages, await touchedJobs(broker, work.kind, messages, isProcessing)),
    first: async () => (await bounds(work.kind, work.priority)) + 1,
  }));
  return [
    ...delivered,
    ...timerStages(broker, filter, 'waiting'),
    ...(filter.status === 'processing' ? backlog : []),
  ];
}

/** Work messages that nobody has claimed, then delayed jobs, then those that wait for their next attempt. */
function pendingStages(broker: Broker, filter: JobFilter, bounds: Bounds): Stage[] {
  const queued = workStages(broker, filter, ({ kind, priority }) => ({
    toJobs: async (messages) => {
      const end = filter.status ? Number.POSITIVE_INFINITY : await bounds(kind, priority);
      const fits = (job: JobRecord, seq: number) =>
        job.status === 'pending' || (job.status === 'processing' && seq > end);
      return foundIn(messages, await touchedJobs(broker, kind, messages, fits, true));
    },
  }));
  const scheduled = WORK_KINDS.flatMap((kind) =>
    broker.subjects
      .scheduleFilters(kind)
      .map((subject) =>
        scan(broker, 'timers', subject, (messages) =>
          messages.flatMap((message) => found(message.seq, pendingRecordOf(broker, message))),
        ),
      ),
  );
  return [...queued, ...scheduled, ...timerStages(broker, filter, 'retrying')];
}

/** A stage that reads the messages of a filter; its position is a sequence. */
function scan(
  broker: Broker,
  kind: StreamKind,
  filter: string,
  toJobs: ToJobs,
  range: { first?: () => Promise<number>; last?: () => Promise<number> } = {},
): Stage {
  return {
    async read(position, size) {
      const from = Math.max(position, (await range.first?.()) ?? 1);
      const end = (await range.last?.()) ?? Number.POSITIVE_INFINITY;
      if (from > end) return { found: [], read: 0, bytes: 0 };
      const page = await broker.read.page(broker.subjects.streamName(kind), filter, from, size);
      const messages = page.filter(({ seq }) => seq <= end);
      const last = messages.at(-1);
      const cost = { read: page.length, bytes: page.reduce((sum, { data }) => sum + data.length, 0) };
      if (!last) return { found: [], ...cost };
      const jobs = await toJobs(messages);
      return messages.length < size ? { found: jobs, ...cost } : { found: jobs, ...cost, next: last.seq + 1 };
    },
  };
}

function workStages(
  broker: Broker,
  filter: JobFilter,
  stageOf: (work: { kind: WorkKind; priority: JobPriority }) => {
    toJobs: ToJobs;
    first?: () => Promise<number>;
    last?: () => Promise<number>;
  },
): Stage[] {
  const priorities = filter.priority ? [filter.priority] : PRIORITIES;
  return priorities.flatMap((priority) =>
    WORK_KINDS.map((kind) => {
      const { toJobs, ...range } = stageOf({ kind, priority });
      return scan(
        broker,
        kind,
        broker.subjects.workFilter(kind, priority, filter.type ?? ANY),
        toJobs,
        range,
      );
    }),
  );
}

function timerStages(broker: Broker, filter: JobFilter, reason: 'retrying' | 'waiting'): Stage[] {
  const priorities = filter.priority ? [filter.priority] : PRIORITIES;
  const type = filter.type ?? ANY;
  return priorities.flatMap((priority) =>
    WORK_KINDS.map((kind) => {
      const timers = broker.subjects.timer(reason, { kind, priority, type, id: ANY });
      return scan(broker, 'timers', timers, async (messages) =>
        foundIn(messages, await timerJobs(broker, messages, reason)),
      );
    }),
  );
}

function found(seq: number, job: JobRecord | undefined): Found[] {
  return job ? [{ seq, job }] : [];
}

function foundIn(messages: readonly StoredMessage[], jobs: readonly (JobRecord | undefined)[]): Found[] {
  return messages.flatMap(({ seq }, index) => found(seq, jobs[index]));
}
