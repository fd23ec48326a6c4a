import { channel } from 'node:diagnostics_channel';
import { setMaxListeners } from 'node:events';
import { endsTheWait, type InstanceCheck } from '../../machines/index.js';
import { atMost } from '../jobs/deadline.js';
import type { Logger } from '../telemetry/logger.js';
import type { WorkerHost } from '../worker/extension.js';
import type { InstanceDirectory, KnownInstance } from './instance-directory.js';

export interface WaitingMonitorsOptions {
  directory: InstanceDirectory;
  reschedule: WorkerHost['reschedule'];
  /** About how many monitors have yet to make a poll. */
  queued: () => number;
  /** Longest pause between two reads of an instance. */
  pollIntervalMs: number;
  /** So many polls of their own all jobs make in a second. */
  ownPollsPerSecond: number;
  logger: Logger;
}

/** An instance, and the jobs that wait for their own next poll of it. */
interface Watched {
  /** When it is to be read again, as all times here by {@link steadyNow}. */
  dueMs: number;
  jobs: readonly WaitingJob[];
}

interface WaitingJob {
  jobId: string;
  /** When its own next poll is due. */
  untilMs: number;
  /** Whether it waits for longer than an interval, and is woken in between. */
  isSeldom: boolean;
}

/**
 * A read of the instance of a waiting job, between the polls of the job itself, as the channel `jetfleet.instance.read`
 * reports it. Times are milliseconds since the epoch.
 */
export interface InstanceRead {
  jobId: string;
  /** When it had to be read at the latest; `doneMs` where it was read sooner. */
  dueMs: number;
  doneMs: number;
}

const reads = channel('jetfleet.instance.read');

const TICK_MS = 250;
/** Reads at once, beside which as many jobs are woken. */
const AT_ONCE = 500;
/** The longest a job waits for its own poll: so late it goes on when the process that wakes it is killed. */
const LONGEST_WAIT_MS = 10 * 60_000;

/**
 * The monitors that wait, and wake when their instance changes. A poll of its own costs a job a handful of durable writes,
 * of which a server has hundreds a second, so thousands of monitors cannot all poll in time like that. From so many on they
 * poll for themselves seldom. Whatever the directory reads meanwhile is held against them, with nothing written, and what no
 * list has shown for an interval is asked for. What ends the wait brings the job's timer forward, and the job polls for itself.
 *
 * A job never depends on this: its timer is in the broker all the while.
 */
export class WaitingMonitors {
  readonly #options: WaitingMonitorsOptions;
  /** By instance id, in the order in which they are due: each comes to the end when it is read. */
  readonly #watched = new Map<string, Watched>();
  readonly #closing = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WaitingMonitorsOptions) {
    // Each read that is under way listens.
    setMaxListeners(0, this.#closing.signal);
    this.#options = options;
    options.directory.listen({
      onListed: (instance) => {
        const watched = this.#watched.get(instance.id);
        if (!watched?.jobs.some(({ isSeldom }) => isSeldom)) return;
        this.#watched.delete(instance.id);
        this.#noteRead(instance.id, watched, endsTheWait(checkOf(instance)));
      },
    });
  }

  /**
   * A job's own poll; polls that fall due together share one list call. A job that has to wait on is taken in.
   * @param isLastPoll whether an answer of a moment ago will not do
   * @throws ProviderError; the reason of `signal`
   */
  async poll(
    jobId: string,
    instanceId: string,
    isLastPoll: boolean,
    signal: AbortSignal,
  ): Promise<InstanceCheck> {
    const { directory, pollIntervalMs } = this.#options;
    if (isLastPoll) return checkOf(await directory.getFresh(instanceId, signal));
    const check = checkOf(await directory.get(instanceId, signal));
    if (!check || endsTheWait(check)) return check;
    const nextPollMs = this.#closing.signal.aborted ? pollIntervalMs : this.#add(jobId, instanceId);
    return { ...check, nextPollMs };
  }

  /** @returns how long the job may wait for its own next poll, in milliseconds */
  #add(jobId: string, instanceId: string): number {
    const { pollIntervalMs, ownPollsPerSecond, queued } = this.#options;
    // Those that have yet to come count too: behind their polls the next one of this job would be late.
    const monitors = this.#watched.size + 1 + queued();
    const spreadMs = Math.min((monitors / ownPollsPerSecond) * 1_000, LONGEST_WAIT_MS);
    // Less than two intervals leave no room for a read.
    const isSeldom = spreadMs >= 2 * pollIntervalMs;
    const waitMs = isSeldom ? Math.round(spreadMs) : pollIntervalMs;
    const own = [{ jobId, untilMs: steadyNow() + waitMs, isSeldom }];
    const { jobs = [] } = this.#watched.get(instanceId) ?? {};
    this.#watch(instanceId, { dueMs: 0, jobs: [...without(jobs, own), ...own] });
    this.#timer ??= setInterval(() => this.#readDue(), TICK_MS).unref();
    return waitMs;
  }

  /**
   * Ends the watch. The jobs poll for themselves again, from when their instance was to be read next.
   * @param timeoutMs how long this may take; jobs that are left wait for their own timers
   */
  async close(timeoutMs: number): Promise<void> {
    this.#closing.abort();
    clearInterval(this.#timer);
    let left = this.#watched.size;
    const handOver = async () => {
      while (this.#underWay.size > 0) await Promise.all(this.#underWay);
      const waiting = [...this.#watched.values()].flatMap(({ dueMs, jobs }) =>
        jobs
          .filter(({ untilMs, isSeldom }) => isSeldom && dueMs < untilMs)
          .map(({ jobId }) => ({ jobId, dueMs })),
      );
      for (left = waiting.length; left > 0; left -= AT_ONCE) {
        const some = waiting.slice(-left).slice(0, AT_ONCE);
        await Promise.all(
          some.map(({ jobId, dueMs }) => this.#reschedule(jobId, Math.max(0, dueMs - steadyNow()))),
        );
      }
    };
    await atMost(timeoutMs, handOver());
    this.#watched.clear();
    if (left > 0) this.#options.logger.warn({ left }, 'waiting jobs are polled later than usual');
  }

  #watch(instanceId: string, watched: Watched): void {
    watched.dueMs = steadyNow() + this.#options.pollIntervalMs;
    this.#watched.delete(instanceId);
    this.#watched.set(instanceId, watched);
  }

  /** Reads what no list has shown in time. A read that takes long, such as that of an instance which the list lacks, holds up no other. */
  #readDue(): void {
    const nowMs = steadyNow();
    for (const [id, watched] of this.#watched) {
      if (watched.dueMs > nowMs || this.#underWay.size >= AT_ONCE || this.#closing.signal.aborted) return;
      this.#watched.delete(id);
      const isWaiting = watched.jobs.some(({ untilMs, isSeldom }) => isSeldom && untilMs > nowMs);
      if (isWaiting) this.#run(this.#read(id, watched));
    }
  }

  #run(work: Promise<void>): void {
    const done = work.then(() => {
      this.#underWay.delete(done);
      this.#readDue();
    });
    this.#underWay.add(done);
  }

  /** A read that fails says nothing about the instance. */
  async #read(id: string, watched: Watched): Promise<void> {
    let endsWait = false;
    try {
      endsWait = endsTheWait(checkOf(await this.#options.directory.get(id, this.#closing.signal)));
    } catch (err) {
      this.#options.logger.debug({ err, instanceId: id }, 'cannot read the instance of a waiting job');
    }
    this.#noteRead(id, watched, endsWait);
  }

  /** Wakes the jobs whose wait is over. Where too many are being woken, the next read of their instance does. */
  #noteRead(id: string, watched: Watched, endsWait: boolean): void {
    const { dueMs, jobs } = watched;
    const doneMs = steadyNow();
    // A job may have polled for itself while its instance was read.
    const newer = this.#watched.get(id)?.jobs ?? [];
    const waiting = without(jobs, newer).filter(({ untilMs, isSeldom }) => isSeldom && untilMs > doneMs);
    if (reads.hasSubscribers) {
      for (const { jobId } of waiting) {
        reads.publish({
          jobId,
          dueMs: performance.timeOrigin + Math.min(dueMs, doneMs),
          doneMs: performance.timeOrigin + doneMs,
        } satisfies InstanceRead);
      }
    }
    if (endsWait && this.#underWay.size < 2 * AT_ONCE) {
      for (const job of waiting) this.#run(this.#wake(id, job));
    } else if (waiting.length > 0) {
      // What is unchanged stays, as in the directory.
      if (newer.length > 0 || waiting.length < jobs.length) watched.jobs = [...waiting, ...newer];
      this.#watch(id, watched);
    }
  }

  async #wake(id: string, job: WaitingJob): Promise<void> {
    if (await this.#reschedule(job.jobId, 0)) return;
    const newer = this.#watched.get(id)?.jobs ?? [];
    this.#watch(id, { dueMs: 0, jobs: [...without([job], newer), ...newer] });
  }

  async #reschedule(jobId: string, inMs: number): Promise<boolean> {
    try {
      return await this.#options.reschedule(jobId, inMs);
    } catch (err) {
      this.#options.logger.debug({ err, jobId }, 'cannot bring forward the poll of a waiting job');
      return false;
    }
  }
}

/** Those of the first list whose job is not in the second. */
function without(jobs: readonly WaitingJob[], others: readonly WaitingJob[]): WaitingJob[] {
  return jobs.filter(({ jobId }) => !others.some((other) => other.jobId === jobId));
}

/** What a monitor needs to know of an instance. */
export function checkOf(instance: KnownInstance | null): InstanceCheck {
  if (!instance) return null;
  const { name, status, healthy, reason } = instance;
  return { name, status, healthy, ...(reason !== undefined && { reason }) };
}

/**
 * Milliseconds since the process began, which a local clock that is set does not disturb. Small whole numbers take no memory of
 * their own in an object.
 */
function steadyNow(): number {
  return Math.round(performance.now());
}
