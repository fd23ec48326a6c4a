import type { Broker } from '../broker/broker.js';
import type { StoredMessage } from '../broker/direct-read.js';
import { ValidationError } from '../jobs/errors.js';
import type { JobRecord } from '../jobs/job-record.js';
import { type JobPriority, type JobStatus, PRIORITIES } from '../jobs/vocabulary.js';
import { decodeRecord } from '../wire/record-message.js';
import { WORK_KINDS, type WorkKind } from '../wire/subjects.js';
import { pendingRecordOf } from './job-lookup.js';

export interface JobFilter {
  type?: string;
  status?: JobStatus;
  priority?: JobPriority;
  /** Most jobs on a page, 1 to 1,000. Defaults to 100. */
  limit?: number;
  /** Where the page before ended. */
  cursor?: string;
}

export interface JobPage {
  jobs: JobRecord[];
  /** Pass it on for the next page; absent on the last one. */
  cursor?: string;
}

/** One part of a listing, read oldest first from a position on. */
interface Stage {
  /** Up to `limit` entries from `position` on: the jobs among them, and where the rest begins, if any is left. */
  read(position: number, limit: number): Promise<{ jobs: JobRecord[]; next?: number }>;
}

/** Turns messages of a stream into the jobs that belong in the list. */
type ToJobs = (messages: StoredMessage[]) => JobRecord[] | Promise<JobRecord[]>;

const MAX_LIMIT = 1_000;
/** Messages read at once; a filter that matches few jobs needs several reads for a page. */
const READ = 200;
/** How long live workers may take to say what they run. */
const ASK_MS = 150;
const LIST_ORDER: readonly JobStatus[] = ['processing', 'pending', 'completed', 'failed'];

/**
 * A page of jobs: processing, pending (critical first, then oldest first), completed, failed.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for a limit or cursor that cannot be used
 */
export async function listJobs(broker: Broker, filter: JobFilter): Promise<JobPage> {
  const limit = filter.limit ?? 100;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new ValidationError(
      'JETFLEET_OPTION_INVALID',
      `limit ${limit} must be an integer from 1 to ${MAX_LIMIT}`,
    );
  }
  const jobs: JobRecord[] = [];
  const fits = (job: JobRecord) =>
    (!filter.type || job.type === filter.type) && (!filter.priority || job.priority === filter.priority);
  const stages = stagesFor(broker, filter);
  let { stage, position } = parseCursor(filter.cursor, stages.length);
  while (stage < stages.length) {
    // Never more than fit: the cursor can only point between entries.
    const part = await (stages[stage] as Stage).read(position, Math.min(READ, limit - jobs.length));
    jobs.push(...part.jobs.filter(fits));
    if (part.next === undefined) stage++;
    position = part.next ?? 0;
    if (jobs.length >= limit && stage < stages.length) return { jobs, cursor: `${stage}.${position}` };
  }
  return { jobs };
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
  const statuses = filter.status ? [filter.status] : LIST_ORDER;
  return statuses.flatMap((status) => {
    if (status === 'processing')
      return [runningStage(broker, filter), ...timerStages(broker, filter, 'waiting')];
    if (status === 'pending') return pendingStages(broker, filter);
    return [scan(broker, 'events', broker.subjects.event(filter.type ?? '*', status, '*'), recordsOf)];
  });
}

/** Work messages that nobody has claimed, then delayed jobs, then those that wait for their next attempt. */
function pendingStages(broker: Broker, filter: JobFilter): Stage[] {
  const queued = workStages(broker, filter, async (messages) => {
    const last = await lastRecords(broker, messages);
    return messages.flatMap((message) => {
      const record = pendingRecordOf(broker, message);
      const touched = record && last.get(record.id);
      if (touched) return touched.status === 'pending' ? [touched] : [];
      return record ?? [];
    });
  });
  const scheduled = WORK_KINDS.map((kind) =>
    scan(broker, kind, broker.subjects.schedule(kind, '*'), (messages) =>
      messages.flatMap((message) => pendingRecordOf(broker, message) ?? []),
    ),
  );
  return [...queued, ...scheduled, ...timerStages(broker, filter, 'retrying')];
}

/**
 * What runs right now: live workers are asked for the ids, and the jobs' last events are read. When no worker
 * answers, the work messages tell which jobs a dead one has left running.
 */
function runningStage(broker: Broker, filter: JobFilter): Stage {
  return {
    async read(position, limit) {
      const answers = await broker.ask<string[]>(broker.subjects.workerQuery(), ASK_MS);
      if (answers.length === 0)
        return readAll(workStages(broker, filter, (messages) => running(broker, messages)));
      const ids = [...new Set(answers.flat())].sort();
      const part = await recordsById(broker, ids.slice(position, position + limit));
      const jobs = [...part.values()].filter(({ state }) => state === 'running');
      return position + limit < ids.length ? { jobs, next: position + limit } : { jobs };
    },
  };
}

async function running(broker: Broker, messages: StoredMessage[]): Promise<JobRecord[]> {
  const last = await lastRecords(broker, messages);
  return [...last.values()].filter((record) => record.state === 'running');
}

async function readAll(stages: Stage[]): Promise<{ jobs: JobRecord[] }> {
  const jobs: JobRecord[] = [];
  for (const stage of stages) {
    for (let position: number | undefined = 0; position !== undefined; ) {
      const part: Awaited<ReturnType<Stage['read']>> = await stage.read(position, READ);
      jobs.push(...part.jobs);
      position = part.next;
    }
  }
  return { jobs };
}

/** A stage that reads the messages of a filter; its position is a sequence. */
function scan(broker: Broker, kind: WorkKind | 'events', filter: string, toJobs: ToJobs): Stage {
  return {
    async read(position, limit) {
      const messages = await broker.read.page(broker.subjects.streamName(kind), filter, position, limit);
      const last = messages.at(-1);
      if (!last) return { jobs: [] };
      const jobs = await toJobs(messages);
      return messages.length < limit ? { jobs } : { jobs, next: last.seq + 1 };
    },
  };
}

function workStages(broker: Broker, filter: JobFilter, toJobs: ToJobs): Stage[] {
  const priorities = filter.priority ? [filter.priority] : PRIORITIES;
  return priorities.flatMap((priority) =>
    WORK_KINDS.flatMap((kind) =>
      broker.subjects
        .workFilters(kind, priority, filter.type ?? '*')
        .map((subject) => scan(broker, kind, subject, toJobs)),
    ),
  );
}

function timerStages(broker: Broker, filter: JobFilter, reason: 'retrying' | 'waiting'): Stage[] {
  const priorities = filter.priority ? [filter.priority] : PRIORITIES;
  const type = filter.type ?? '*';
  return priorities.flatMap((priority) =>
    WORK_KINDS.map((kind) =>
      scan(
        broker,
        kind,
        broker.subjects.timer(reason, { kind, priority, type, id: '*' }),
        async (messages) => {
          const last = await lastRecords(broker, messages);
          return [...last.values()].filter(({ state }) => state === reason);
        },
      ),
    ),
  );
}

/** The records of jobs that a worker has touched, by id; the ids are those of work messages or timers. */
async function lastRecords(broker: Broker, messages: StoredMessage[]): Promise<Map<string, JobRecord>> {
  return recordsById(
    broker,
    messages.flatMap((message) => pendingRecordOf(broker, message)?.id ?? []),
  );
}

async function recordsById(broker: Broker, ids: string[]): Promise<Map<string, JobRecord>> {
  const { subjects } = broker;
  if (ids.length === 0) return new Map();
  const stored = await broker.read.lastOfEach(
    subjects.streamName('events'),
    ids.map((id) => subjects.eventsOf(id)),
  );
  const latest = new Map<string, { seq: number; record: JobRecord }>();
  for (const message of stored) {
    const [record] = recordsOf([message]);
    if (record && (latest.get(record.id)?.seq ?? 0) < message.seq)
      latest.set(record.id, { seq: message.seq, record });
  }
  return new Map([...latest].map(([id, { record }]) => [id, record]));
}

/** The records among events; a stranger's message on EVENTS is none. */
function recordsOf(messages: StoredMessage[]): JobRecord[] {
  return messages.flatMap((message) => {
    try {
      return decodeRecord(message.data);
    } catch {
      return [];
    }
  });
}
