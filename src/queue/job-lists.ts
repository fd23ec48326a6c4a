import type { Broker } from '../broker/broker.js';
import type { StoredMessage } from '../broker/direct-read.js';
import { ValidationError } from '../jobs/errors.js';
import type { JobRecord } from '../jobs/job-record.js';
import {
  isJobType,
  isPriority,
  isStatus,
  type JobPriority,
  type JobState,
  type JobStatus,
  PRIORITIES,
  STATUSES,
} from '../jobs/vocabulary.js';
import { WORK_KINDS, type WorkKind } from '../wire/subjects.js';
import { pendingRecordOf } from './job-lookup.js';

export interface JobFilter {
  type?: string;
  status?: JobStatus;
  priority?: JobPriority;
  /** One of the nested states: `retrying`. */
  state?: JobState;
  /** An id, or the beginning of one. */
  id?: string;
  /** Only jobs that changed (`updatedAt`) at this time or later. */
  since?: Date | string;
  /** Only jobs that changed (`updatedAt`) at this time or earlier. */
  until?: Date | string;
  /**
   * By the time of the last change, all statuses together. Defaults to `oldest` with `state`, `id`, `since` or `until`,
   * else to processing, pending in the order in which they will start, completed, failed.
   */
  order?: 'oldest' | 'newest';
  /** Most jobs on a page, 1 to 1,000. Defaults to 100. */
  limit?: number;
  /** Where the page before ended. */
  cursor?: string;
}

export interface JobPage {
  jobs: JobRecord[];
  /** Pass it on for the next page, also after one that is not full; absent on the last one. */
  cursor?: string;
}

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

const MAX_LIMIT = 1_000;
/** Messages read at once at most; the broker tells the last events of as many jobs in one request. */
const READ = 256;
/** What one page may cost: a filter that few messages fit ends its page short, with a cursor. */
const MAX_SCANNED = 10_000;
const MAX_SCANNED_BYTES = 64 * 1024 * 1024;
const LIST_ORDER: readonly JobStatus[] = ['processing', 'pending', 'completed', 'failed'];

/**
 * A page of jobs: processing, pending (critical first, then oldest first), completed, failed. A waiting job that is due
 * but has no free slot yet stands in its place in the queue. Jobs that move meanwhile can be missed between two pages.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for a filter, limit or cursor that cannot be used
 */
export async function listJobs(broker: Broker, filter: JobFilter): Promise<JobPage> {
  assertFilter(filter);
  const limit = filter.limit ?? 100;
  const jobs = new Map<string, JobRecord>();
  const fits = (job: JobRecord) =>
    (!filter.type || job.type === filter.type) && (!filter.priority || job.priority === filter.priority);
  const stages = stagesFor(broker, filter);
  let { stage, position } = parseCursor(filter.cursor, stages.length);
  const pageUpTo = (cursor: string): JobPage => ({ jobs: [...jobs.values()], cursor });
  for (let scanned = 0, bytes = 0, size = Math.min(READ, limit); stage < stages.length; ) {
    const part = await (stages[stage] as Stage).read(position, size);
    for (const { seq, job } of part.found) {
      if (!fits(job) || jobs.has(job.id)) continue;
      if (jobs.size === limit) return pageUpTo(`${stage}.${position}`);
      jobs.set(job.id, job);
      position = seq + 1;
    }
    if (part.next === undefined) stage++;
    position = part.next ?? 0;
    scanned += part.read;
    bytes += part.bytes;
    size = Math.min(READ, size * 2);
    const full = jobs.size >= limit || scanned >= MAX_SCANNED || bytes >= MAX_SCANNED_BYTES;
    if (full && stage < stages.length) return pageUpTo(`${stage}.${position}`);
  }
  return { jobs: [...jobs.values()] };
}

function assertFilter({ type, status, priority, limit = 100 }: JobFilter): void {
  const refuse = (problem: string) => {
    throw new ValidationError('JETFLEET_OPTION_INVALID', problem);
  };
  if (type !== undefined && !isJobType(type)) refuse(`type ${JSON.stringify(type)} is not snake_case`);
  if (status !== undefined && !isStatus(status)) {
    refuse(`status ${JSON.stringify(status)} is none of ${STATUSES.join(', ')}`);
  }
  if (priority !== undefined && !isPriority(priority)) {
    refuse(`priority ${JSON.stringify(priority)} is none of ${PRIORITIES.join(', ')}`);
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    refuse(`limit ${limit} must be an integer from 1 to ${MAX_LIMIT}`);
  }
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
  return scan(broker, 'events', broker.subjects.event(filter.type ?? '*', status, '*'), (messages) =>
    messages.flatMap((message) => found(message.seq, broker.recordOf(message))),
  );
}

/** The last sequence that any consumer of a priority has delivered; read once, when a stage first needs it. */
type Bounds = (kind: WorkKind, priority: JobPriority) => Promise<number>;

function deliveredBounds(broker: Broker, filter: JobFilter): Bounds {
  const asked = new Map<WorkKind, ReturnType<typeof broker.topology.consumers>>();
  return async (kind, priority) => {
    const consumers = asked.get(kind) ?? broker.topology.consumers(kind);
    asked.set(kind, consumers);
    const ends = (await consumers)
      .filter(({ name }) => {
        const consumer = broker.subjects.parseConsumer(name);
        return consumer?.priority === priority && (!filter.type || consumer.type === filter.type);
      })
      .map(({ delivered }) => delivered.stream_seq);
    return Math.max(0, ...ends);
  };
}

/**
 * Jobs among the delivered messages, whether their worker lives or not, then those that hibernate. With this status
 * alone, also those whose timer has fired and that wait behind the backlog; else the pending stages find them there.
 */
function processingStages(broker: Broker, filter: JobFilter, bounds: Bounds): Stage[] {
  const isProcessing = ({ status }: JobRecord) => status === 'processing';
  const delivered = workStages(broker, filter, (work) => ({
    toJobs: (messages) => touchedJobs(broker, work.kind, messages, isProcessing),
    last: () => bounds(work.kind, work.priority),
  }));
  const backlog = workStages(broker, filter, (work) => ({
    toJobs: (messages) => touchedJobs(broker, work.kind, messages, isProcessing),
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
      return touchedJobs(broker, kind, messages, fits, true);
    },
  }));
  const scheduled = WORK_KINDS.map((kind) =>
    scan(broker, kind, broker.subjects.schedule(kind, '*'), (messages) =>
      messages.flatMap((message) => found(message.seq, pendingRecordOf(broker, message))),
    ),
  );
  return [...queued, ...scheduled, ...timerStages(broker, filter, 'retrying')];
}

/** The jobs of work messages by their last record; `untouched` takes in those that no worker has claimed yet. */
async function touchedJobs(
  broker: Broker,
  kind: WorkKind,
  messages: StoredMessage[],
  fits: (job: JobRecord, seq: number) => boolean,
  untouched = false,
): Promise<Found[]> {
  const requests = messages.map((message) => pendingRecordOf(broker, message));
  const last = await recordsById(broker, idsOf(requests));
  const jobs = await Promise.all(
    messages.map(async (message, index) => {
      const request = requests[index];
      const record = request && last.get(request.id);
      if (!record) return untouched ? found(message.seq, request) : [];
      if (!fits(record, message.seq) || !(await standsFor(broker, kind, message, record))) return [];
      return found(message.seq, record);
    }),
  );
  return jobs.flat();
}

/**
 * Whether a work message is the one to list its job by. A worker that died in between can leave a timer beside the
 * message that it should have acknowledged, or two messages of one job.
 */
async function standsFor(
  broker: Broker,
  kind: WorkKind,
  { seq }: StoredMessage,
  record: JobRecord,
): Promise<boolean> {
  const { subjects, read } = broker;
  const { id, type, priority, state, workSeq } = record;
  const stream = subjects.streamName(kind);
  if (workSeq !== undefined && workSeq !== seq) {
    const owner = await read.bySequence(stream, workSeq).catch(() => undefined);
    return (owner && pendingRecordOf(broker, owner)?.id) !== id;
  }
  if (state !== 'waiting' && state !== 'retrying') return true;
  return (await read.last(stream, subjects.timer(state, { kind, priority, type, id }))) === undefined;
}

/** A stage that reads the messages of a filter; its position is a sequence. */
function scan(
  broker: Broker,
  kind: WorkKind | 'events',
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
    WORK_KINDS.flatMap((kind) => {
      const { toJobs, ...range } = stageOf({ kind, priority });
      return broker.subjects
        .workFilters(kind, priority, filter.type ?? '*')
        .map((subject) => scan(broker, kind, subject, toJobs, range));
    }),
  );
}

function timerStages(broker: Broker, filter: JobFilter, reason: 'retrying' | 'waiting'): Stage[] {
  const priorities = filter.priority ? [filter.priority] : PRIORITIES;
  const type = filter.type ?? '*';
  return priorities.flatMap((priority) =>
    WORK_KINDS.map((kind) => {
      const timers = broker.subjects.timer(reason, { kind, priority, type, id: '*' });
      return scan(broker, kind, timers, async (messages) => {
        const requests = messages.map((message) => pendingRecordOf(broker, message));
        const last = await recordsById(broker, idsOf(requests));
        return messages.flatMap(({ seq }, index) => {
          const record = last.get(requests[index]?.id ?? '');
          return record?.state === reason ? found(seq, record) : [];
        });
      });
    }),
  );
}

function found(seq: number, job: JobRecord | undefined): Found[] {
  return job ? [{ seq, job }] : [];
}

function idsOf(requests: readonly (JobRecord | undefined)[]): string[] {
  return requests.flatMap((request) => request?.id ?? []);
}

/** The last records of jobs that a worker has touched, by id. */
export async function recordsById(broker: Broker, ids: readonly string[]): Promise<Map<string, JobRecord>> {
  const { subjects } = broker;
  if (ids.length === 0) return new Map();
  const stored = await broker.read.lastOfEach(
    subjects.streamName('events'),
    ids.map((id) => subjects.eventsOf(id)),
  );
  const latest = new Map<string, { seq: number; record: JobRecord }>();
  for (const message of stored) {
    const record = broker.recordOf(message);
    if (record && (latest.get(record.id)?.seq ?? 0) < message.seq)
      latest.set(record.id, { seq: message.seq, record });
  }
  return new Map([...latest].map(([id, { record }]) => [id, record]));
}
