import type { Broker } from '../../broker/broker.js';
import { type JobPriority, type JobStatus, PRIORITIES, STATUSES } from '../../jobs/vocabulary.js';
import { type Pause, pausedUntil } from '../../wire/pauses.js';
import { ANY, type Any, type TimerReason, WORK_KINDS, type WorkKind } from '../../wire/subjects.js';
import { type Delivering, lastDeliveredAt } from './event-lag.js';
import { countFinished, type FinishedStatus } from './finished-counts.js';
import type { QueueFacts } from './queue-facts.js';
import { countScheduled } from './scheduled-counts.js';
import { sumOf } from './sum-of.js';

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

/** A worker that takes no job for so long, while some wait and it has none, is gone: between two requests it is quicker. */
const GONE_MS = 10_000;

/**
 * Counts from consumers and subjects; no job is read, except delayed ones for their type. The first call of a process takes
 * longer where very many jobs are delayed, have ended or wait without a worker; later ones do not.
 */
export async function readStats(facts: QueueFacts): Promise<JobQueueStats> {
  const { broker } = facts;
  const tally = new Tally();
  tally.paused = await facts.pauses();
  await Promise.all(WORK_KINDS.map((kind) => countWork(facts, kind, tally)));
  await Promise.all(
    FINISHED.map(async (status) => {
      const { byType, untyped } = await countFinished(broker, status, tally.types);
      for (const [type, count] of byType) tally.add(type, status, count);
      tally.untypedEnded[status] = untyped;
    }),
  );
  return tally.stats();
}

const FINISHED: readonly FinishedStatus[] = ['completed', 'failed'];

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
  /** Jobs of a type that is not known yet: scheduled ones beyond the first 10,000, and some that nobody handles. */
  untyped = 0;
  /** The same of jobs that have ended, of types that nobody handles any more. */
  readonly untypedEnded: Record<FinishedStatus, number> = { completed: 0, failed: 0 };

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
    const [typed, processing, ...ended] = STATUSES.map(sum) as [number, number, number, number];
    const pending = typed + this.untyped;
    const completed = ended[0] + this.untypedEnded.completed;
    const failed = ended[1] + this.untypedEnded.failed;
    return {
      totalJobs: pending + processing + completed + failed,
      pendingJobs: pending,
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

async function countWork(facts: QueueFacts, kind: WorkKind, tally: Tally): Promise<void> {
  const { broker } = facts;
  const { subjects, topology } = broker;
  const consumers = await facts.consumers(kind);
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
  const { types, unknown } = await facts.uncovered(kind);
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
  const count = (reason: TimerReason, type: string | Any, priority: JobPriority | Any) =>
    counts.of(stream, subjects.timer(reason, { kind, priority, type, id: ANY }));
  const countEach = async (
    reason: TimerReason,
    add: (type: string, count: number, priority: JobPriority) => void,
  ) => {
    if ((await count(reason, ANY, ANY)) === 0) return;
    await Promise.all(
      [...types].flatMap((type) =>
        PRIORITIES.map(async (priority) => add(type, await count(reason, type, priority), priority)),
      ),
    );
  };
  await Promise.all([
    countEach('limited', (type, limited, priority) => {
      tally.limited += limited;
      tally.add(type, 'pending', limited, priority);
    }),
    countEach('retrying', (type, retrying, priority) => {
      tally.retrying += retrying;
      tally.add(type, 'pending', retrying, priority);
    }),
    countEach('waiting', (type, waiting, priority) => {
      tally.waiting += waiting;
      tally.add(type, 'processing', waiting, priority);
    }),
    ...subjects.scheduleFilters(kind).map(async (filter) => {
      const { total, of, untyped } = await countScheduled(broker, filter);
      tally.scheduled += total;
      tally.untyped += untyped;
      for (const { type, priority, count } of of) tally.add(type, 'pending', count, priority);
    }),
  ]);
}
