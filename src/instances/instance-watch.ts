import { channel } from 'node:diagnostics_channel';
import { DEFAULT_POLL_INTERVAL_MS, endsTheWait, type InstanceCheck } from '../../machines/index.js';
import { InstancePoller } from '../gpu/instance-poller.js';
import type { GpuProvider, Instance } from '../gpu/provider.js';
import { atMost } from '../jobs/deadline.js';
import type { Logger } from '../telemetry/logger.js';

export interface InstanceWatchOptions {
  provider: GpuProvider;
  /**
   * Has a waiting job run in so many milliseconds instead of when it is due. False when it cannot be said yet: the job is
   * still on its way into its wait.
   */
  reschedule: (jobId: string, inMs: number) => Promise<boolean>;
  /** Pause between two looks at an instance. Defaults to 10 seconds. */
  pollIntervalMs?: number;
  /** So many polls of their own all jobs make in a second; more are looks. Defaults to 200. */
  ownPollsPerSecond?: number;
  logger: Logger;
}

/** A job that waits for its own next poll. */
interface Watched {
  jobId: string;
  novitaInstanceId: string;
  /** When it is looked at next, in ms since the epoch. */
  dueMs: number;
  /** When its own next poll is due. */
  untilMs: number;
}

/** What the channel `jetfleet.instance.look` tells, of each look: milliseconds since the epoch. */
export interface InstanceLook {
  jobId: string;
  dueMs: number;
  doneMs: number;
}

const looks = channel('jetfleet.instance.look');

const TICK_MS = 250;
/** Looks that are made at once. */
const LOOKS_AT_ONCE = 500;
/** The longest a job waits for its own poll: so late it goes on when the process that looks at it is killed. */
const LONGEST_WAIT_MS = 10 * 60_000;

/**
 * Watches the instances of many waiting jobs. A poll of its own costs a job a handful of durable writes, of which a
 * server has hundreds a second, so a worker with thousands of monitors cannot poll them all in time like that. From so
 * many on they make their own polls seldom, and are looked at in between: from memory, with nothing written, until an
 * instance shows what ends the wait. Then the job's timer is brought forward, and it polls for itself.
 *
 * A job never depends on this: its timer is in the broker all the while.
 */
export class InstanceWatch {
  readonly #options: Required<InstanceWatchOptions>;
  readonly #poller: InstancePoller;
  /** In the order in which they are due: each comes to the end with its next look. */
  readonly #watched = new Map<string, Watched>();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: InstanceWatchOptions) {
    const { pollIntervalMs = DEFAULT_POLL_INTERVAL_MS, ownPollsPerSecond = 200 } = options;
    this.#options = { ...options, pollIntervalMs, ownPollsPerSecond };
    this.#poller = new InstancePoller(options.provider);
  }

  /** Jobs that wait for their own poll. */
  get size(): number {
    return this.#watched.size;
  }

  /**
   * A job's own poll; polls that fall due together share one list call. A job that has to wait on is taken in.
   * @param isLastLook whether an answer of a moment ago will not do
   * @throws ProviderError; the reason of `signal`
   */
  async poll(
    jobId: string,
    novitaInstanceId: string,
    isLastLook: boolean,
    signal: AbortSignal,
  ): Promise<InstanceCheck> {
    if (isLastLook) return checkOf(await this.#poller.getFresh(novitaInstanceId, signal));
    const check = checkOf(await this.#poller.get(novitaInstanceId, signal));
    return check && !endsTheWait(check)
      ? { ...check, nextPollMs: this.#add(jobId, novitaInstanceId) }
      : check;
  }

  /** @returns how long the job may wait for its own next poll, in milliseconds */
  #add(jobId: string, novitaInstanceId: string): number {
    const { pollIntervalMs, ownPollsPerSecond } = this.#options;
    if (this.#isClosed) return pollIntervalMs;
    const spreadMs = Math.min(((this.size + 1) / ownPollsPerSecond) * 1_000, LONGEST_WAIT_MS);
    // Less than two intervals leave no room for a look.
    const waitMs = spreadMs < 2 * pollIntervalMs ? pollIntervalMs : Math.round(spreadMs);
    const nowMs = steadyNow();
    this.#watched.delete(jobId);
    this.#watched.set(jobId, {
      jobId,
      novitaInstanceId,
      dueMs: nowMs + pollIntervalMs,
      untilMs: nowMs + waitMs,
    });
    this.#timer ??= setInterval(() => this.#lookAtDue(), TICK_MS).unref();
    return waitMs;
  }

  /**
   * Ends the watch. What it looked at polls for itself again, from when its next look was due.
   * @param timeoutMs how long this may take; jobs that are left wait for their own timers
   */
  async close(timeoutMs: number): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    let left = this.size;
    const handOver = async () => {
      await Promise.all(this.#underWay);
      const watched = [...this.#watched.values()].filter(({ dueMs, untilMs }) => dueMs < untilMs);
      for (left = watched.length; left > 0; left -= LOOKS_AT_ONCE) {
        const some = watched.slice(-left).slice(0, LOOKS_AT_ONCE);
        await Promise.all(
          some.map(({ jobId, dueMs }) => this.#reschedule(jobId, Math.max(0, dueMs - steadyNow()))),
        );
      }
    };
    await atMost(timeoutMs, handOver());
    this.#watched.clear();
    if (left > 0) this.#options.logger.warn({ left }, 'waiting jobs are polled later than usual');
  }

  /** Begins the looks that are due. One that takes long, such as at an instance that the list lacks, holds up no other. */
  #lookAtDue(): void {
    if (this.#isClosed) return;
    const nowMs = steadyNow();
    for (const watched of this.#watched.values()) {
      if (watched.dueMs > nowMs || this.#underWay.size >= LOOKS_AT_ONCE) return;
      this.#watched.delete(watched.jobId);
      if (watched.dueMs >= watched.untilMs) continue;
      const look = this.#lookAt(watched).then(() => {
        this.#underWay.delete(look);
        this.#lookAtDue();
      });
      this.#underWay.add(look);
    }
  }

  async #lookAt(watched: Watched): Promise<void> {
    const { jobId, dueMs, untilMs } = watched;
    const isOver = (await this.#showsAnEnd(watched)) && (await this.#reschedule(jobId, 0));
    const doneMs = steadyNow();
    if (looks.hasSubscribers) looks.publish({ jobId, dueMs, doneMs } satisfies InstanceLook);
    // A job that has polled for itself in the meantime stands there anew.
    if (isOver || this.#watched.has(jobId)) return;
    watched.dueMs = Math.min(Math.max(dueMs + this.#options.pollIntervalMs, doneMs), untilMs);
    this.#watched.set(jobId, watched);
  }

  /** A look that fails says nothing about the instance. */
  async #showsAnEnd({ jobId, novitaInstanceId }: Watched): Promise<boolean> {
    try {
      return endsTheWait(checkOf(await this.#poller.get(novitaInstanceId)));
    } catch (error) {
      this.#options.logger.debug({ err: error, jobId }, 'cannot look at the instance of a waiting job');
      return false;
    }
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

/** What a monitor needs to know of an instance. */
export function checkOf(instance: Instance | null): InstanceCheck {
  if (!instance) return null;
  const { name, status, healthy, reason } = instance;
  return { name, status, healthy, ...(reason !== undefined && { reason }) };
}

/** Milliseconds since the epoch that a local clock which is set does not disturb. */
function steadyNow(): number {
  return performance.timeOrigin + performance.now();
}
