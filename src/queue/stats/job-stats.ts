import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import { type JobPriority, type JobStatus, PRIORITIES, STATUSES } from '../../jobs/vocabulary.js';
import { type Pause, pausedUntil } from '../../wire/pauses.js';
import {
  ANY,
  type Any,
  type Subjects,
  type TimerReason,
  WORK_KINDS,
  type WorkKind,
} from '../../wire/subjects.js';
import { pendingRecordOf } from '../job-lookup.js';
import { readPauses } from '../pause/pause-jobs.js';
import { type Delivering, lastDeliveredAt } from './event-lag.js';
import { sumOf, uncoveredTypes } from './unhandled-types.js';

export type StatusCounts = Record<JobStatus, number>;

/** How many jobs there are. COMPLETED and FAILED count what EVENTS still keeps. */
export interface JobQueueStats {
  totalJobs: number;
  pendingJobs: number;
  processingJobs: number;
  completedJobs: number;
  failedJobs: number;
  /** Jobs of each type, whatever their status. */
  jobsByType: Record<string, number>;
  byType: Record<string, StatusCounts>;
  /** Unfinished jobs only: a finished job's subject does not carry its priority. */
  byPriority: Record<JobPriority, { pending: number; processing: number }>;
  /** Part of `pendingJobs`: behind a producer's timer. */
  scheduledJobs: number;
  /** Part of `pendingJobs`: behind the timer of their next attempt. */
  retryingJobs: number;
  /** Part of `pendingJobs`, or of `processingJobs` where they go on after a pause: in line for a permit of a limit. */
  limitedJobs: number;
  /** Part of `processingJobs`: hibernating until a timer. */
  waitingJobs: number;
  /** Types that wait while no worker takes them: none has ever registered them, or all that did are gone or paused. */
  unhandledTypes: string[];
  /** What is paused, oldest first; jobs that a pause holds do not count as unhandled. */
  paused: Pause[];
}

/** Delayed jobs are counted by type up to this many; beyond it only their sum is known. */
const MAX_SCHEDULED_READ = 10_000;
const PAGE = 500;
/** Among so many messages the next one of a consumer is found as a rule. */
const NEAR = 16;
/** A worker that takes no job for so long, while some wait and it has none, is gone: between two requests it is quicker. */
const GONE_MS = 10_000;

/**
 * Counts from consumers and subjects; no job is read, except delayed ones for their type. The first call of a process takes
 * longer where very many jobs have ended or wait without a worker; later ones do not.
 */
export async function readStats(broker: Broker): Promise<JobQueueStats> {
  const tally = new Tally();
  tally.paused = await readPauses(broker);
  await Promise.all(WORK_KINDS.map((kind) => countWork(broker, kind, tally)));
  await countFinished(broker, tally);
  return tally.stats();
}

class Tally {
  readonly #byType = new Map<string, StatusCounts>();
  readonly #byPriority = Object.fromEntries(
    PRIORITIES.map((priority) => [priority, { pending: 0, processing: 0 }]),
  ) as JobQueueStats['byPriority'];
  readonly unhandled = new Set<string>();
  readonly types = new Set<string>();
  paused: readonly Pause[] = [];
  scheduled = 0;
  retrying = 0;
  limited = 0;
  waiting = 0;
  /** Jobs of a type that is not known yet: scheduled ones beyond {@link MAX_SCHEDULED_READ}, and some that nobody handles. */
  untyped = 0;

  /** @param priority of those that have not ended */
  add(type: string, status: JobStatus, count: number, priority?: JobPriority): void {
    if (count === 0) return;
    const counts = this.#byType.get(type) ?? { pending: 0, processing: 0, completed: 0, failed: 0 };
    counts[status] += count;
    this.#byType.set(type, counts);
    if (priority) this.#byPriority[priority][status as 'pending' | 'processing'] += count;
  }

  stats(): JobQueueStats {
    const byType = Object.fromEntries([...this.#byType].sort(([a], [b]) => a.localeCompare(b)));
    const sum = (status: JobStatus) => sumOf(Object.values(byType).map((counts) => counts[status]));
    const [pending, processing, completed, failed] = STATUSES.map(sum) as [number, number, number, number];
    return {
      totalJobs: pending + this.untyped + processing + completed + failed,
      pendingJobs: pending + this.untyped,
      processingJobs: processing,
      completedJobs: completed,
      failedJobs: failed,
      jobsByType: Object.fromEntries(
        Object.entries(byType).map(([type, counts]) => [type, sumOf(Object.values(counts))]),
      ),
      byType,
      byPriority: this.#byPriority,
      scheduledJobs: this.scheduled,
      retryingJobs: this.retrying,
      limitedJobs: this.limited,
      waitingJobs: this.waiting,
      unhandledTypes: [...this.unhandled].sort(),
      paused: [...this.paused],
    };
  }
}

async function countWork(broker: Broker, kind: WorkKind, tally: Tally): Promise<void> {
  const { subjects, topology } = broker;
  const consumers = await topology.consumers(kind);
  const handled = new Set<string>();
  const waits = new Set<string>();
  const taken = new Set<string>();
  let covered = 0;
  for (const info of consumers) {
    const { name, num_pending: pending, num_ack_pending: held } = info;
    const consumer = subjects.parseConsumer(name);
    if (!consumer) continue;
    const { type, priority } = consumer;
    handled.add(type);
    if (pending > 0 && !info.paused) waits.add(type);
    if (isTaken(info, broker.clock.now())) taken.add(type);
    tally.types.add(type);
    tally.add(type, 'pending', pending, priority);
    tally.add(type, 'processing', held, priority);
    covered += pending + held;
  }
  for (const type of waits) if (!taken.has(type)) tally.unhandled.add(type);
  await countTimers(broker, kind, handled, tally);
  const { state } = await topology.streamInfo(kind);
  if (state.messages <= covered) return;
  // A job that came between two of these reads, and one that has ended, look like one that nobody handles.
  const { types, unknown } = await uncoveredTypes(broker, kind, handled);
  tally.untyped += unknown;
  for (const [type, waiting] of types) {
    tally.types.add(type);
    for (const [priority, count] of waiting) {
      tally.add(type, 'pending', count, priority);
      if (pausedUntil(tally.paused, { type, priority }) === undefined) tally.unhandled.add(type);
    }
  }
}

/** Whether some worker asks for jobs of a consumer, has one, or has just been given one. */
function isTaken(
  { num_waiting, num_ack_pending, ...info }: Delivering & { num_waiting: number; num_ack_pending: number },
  nowMs: number,
): boolean {
  return num_waiting + num_ack_pending > 0 || nowMs - Date.parse(lastDeliveredAt(info) ?? '') < GONE_MS;
}

async function countTimers(
  broker: Broker,
  kind: WorkKind,
  types: ReadonlySet<string>,
  tally: Tally,
): Promise<void> {
  const { subjects, counts } = broker;
  const stream = subjects.streamName('timers');
  if ((await counts.of(stream, `${subjects.prefix}schedules.${kind}.>`)) === 0) return;
  const isLimited =
    (await counts.of(stream, subjects.timer('limited', { kind, priority: ANY, type: ANY, id: ANY }))) > 0;
  const count = (reason: TimerReason, type: string, priority: JobPriority) =>
    counts.of(stream, subjects.timer(reason, { kind, priority, type, id: ANY }));
  await Promise.all(
    [...types].flatMap((type) =>
      PRIORITIES.map(async (priority) => {
        const retrying = await count('retrying', type, priority);
        const waiting = await count('waiting', type, priority);
        const limited = isLimited ? await count('limited', type, priority) : 0;
        tally.limited += limited;
        tally.add(type, 'pending', limited, priority);
        tally.retrying += retrying;
        tally.waiting += waiting;
        tally.add(type, 'pending', retrying, priority);
        tally.add(type, 'processing', waiting, priority);
      }),
    ),
  );
  for (const filter of subjects.scheduleFilters(kind)) await countScheduled(broker, filter, tally);
}

async function countScheduled(broker: Broker, filter: string, tally: Tally): Promise<void> {
  const { subjects, read } = broker;
  const stream = subjects.streamName('timers');
  const total = await read.count(stream, filter);
  if (total === 0) return;
  tally.scheduled += total;
  let seen = 0;
  for await (const message of read.walk(stream, filter, 1, PAGE)) {
    const record = pendingRecordOf(broker, message);
    if (record) tally.add(record.type, 'pending', 1, record.priority);
    else tally.untyped++;
    if (++seen >= Math.min(total, MAX_SCHEDULED_READ)) break;
  }
  tally.untyped += Math.max(total - seen, 0);
}

async function countFinished(broker: Broker, tally: Tally): Promise<void> {
  const stream = broker.subjects.streamName('events');
  const count = (type: string | Any, status: JobStatus) =>
    broker.counts.of(stream, broker.subjects.event(type, status, ANY));
  for (const status of ['completed', 'failed'] as const) {
    const total = await count(ANY, status);
    if (total === 0) continue;
    let known = 0;
    await Promise.all(
      [...tally.types].map(async (type) => {
        const finished = await count(type, status);
        known += finished;
        tally.add(type, status, finished);
      }),
    );
    // Types that finished long ago and that nobody handles any more.
    if (known < total) await countForgotten(broker, status, tally);
  }
}

async function countForgotten(broker: Broker, status: JobStatus, tally: Tally): Promise<void> {
  const { state } = await broker.topology.streamInfo('events', broker.subjects.event(ANY, status, ANY));
  for (const [subject, count] of Object.entries(state.subjects ?? {})) {
    const address = broker.subjects.parseEvent(subject);
    if (address && !tally.types.has(address.type)) tally.add(address.type, status, count);
  }
}

/**
 * When the oldest queued job was enqueued, ISO 8601; undefined when none waits. Types that no worker has ever registered, and jobs
 * that are paused, are left out: they do not wait for their turn.
 */
export async function oldestPending(broker: Broker): Promise<string | undefined> {
  const { topology, read, subjects } = broker;
  const times = await Promise.all(
    WORK_KINDS.map(async (kind) => {
      const waiting = (await topology.consumers(kind)).filter(
        ({ name, num_pending, paused }) => num_pending > 0 && !paused && subjects.parseConsumer(name),
      );
      return Promise.all(
        waiting.map(async ({ name, config, delivered }) => {
          const stream = subjects.streamName(kind);
          const from = delivered.stream_seq + 1;
          // As a rule it is among the next ones. By its filter the server goes through all that match.
          const next = await read.page(stream, '>', from, NEAR);
          const isOwn = ({ subject }: StoredMessage) => isOf(subjects, name, subject);
          const first = next.find(isOwn) ?? (await read.next(stream, config.filter_subject ?? '', from));
          return first?.timeMs ?? Number.POSITIVE_INFINITY;
        }),
      );
    }),
  );
  const oldestMs = Math.min(...times.flat());
  return Number.isFinite(oldestMs) ? new Date(oldestMs).toISOString() : undefined;
}

/**
 * When the oldest job was enqueued of those that {@link oldestPending} leaves out as no worker has ever registered their type, ISO 8601;
 * undefined when none waits. Those that are paused are left out.
 */
export async function oldestUnhandled(broker: Broker): Promise<string | undefined> {
  const { topology, read, subjects } = broker;
  const pauses = await readPauses(broker);
  const times = await Promise.all(
    WORK_KINDS.map(async (kind) => {
      const handled = new Set(
        (await topology.consumers(kind)).flatMap(({ name }) => subjects.parseConsumer(name)?.type ?? []),
      );
      const { types } = await uncoveredTypes(broker, kind, handled);
      const waiting = [...types].flatMap(([type, counts]) =>
        [...counts.keys()]
          .filter((priority) => pausedUntil(pauses, { type, priority }) === undefined)
          .map((priority) => subjects.workFilter(kind, priority, type)),
      );
      return Promise.all(
        waiting.map(async (filter) => (await read.next(subjects.streamName(kind), filter))?.timeMs),
      );
    }),
  );
  const known = times.flat().filter((timeMs) => timeMs !== undefined);
  return known.length === 0 ? undefined : new Date(Math.min(...known)).toISOString();
}

function isOf(subjects: Subjects, consumer: string, subject: string): boolean {
  const work = subjects.parseWork(subject);
  return work !== undefined && subjects.consumerName(work.type, work.priority) === consumer;
}
