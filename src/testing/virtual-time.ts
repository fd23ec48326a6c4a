/**
 * Time that jumps. Timers are the broker's, which has a clock of its own: so the clock of the queue is put ahead to the time at which the
 * next timer is due, and its message is stored on its target as the broker would store it. What is due later is later still.
 */
import type { Broker } from '../broker/broker.js';
import { nextTick, type ScheduleTiming } from '../jobs/cron.js';
import { ConflictError, JetfleetError } from '../jobs/errors.js';
import { makeUpFor } from '../queue/schedules/missed-ticks.js';
import { readSchedules, type StoredSchedule } from '../queue/schedules/stored-schedule.js';
import type { Left, OpenWork, Timer } from './open-work.js';

export interface DrainOptions {
  /** How long it may take in real time, in ms. Defaults to 30000. */
  timeoutMs?: number;
}

/** What draining has done. */
export interface Drained {
  /** By how much the clock was put ahead, in ms. */
  skippedMs: number;
  /** Timers that were fired. */
  fired: number;
  /** Ids of jobs that wait for a signal or a child. `advance` lets the time of such a wait run out. */
  waiting: string[];
}

const DEFAULT_TIMEOUT_MS = 30_000;
/** The broker fires timers by a tick of its own, so those within it fire together. */
const TICK_MS = 250;
/** A job that was just published is not in the feed of records: it is looked for. */
const LOOK_AGAIN_MS = 20;
/** How long nothing may happen while nothing runs, before what is queued counts as taken by nobody. */
const UNTAKEN_MS = 5_000;
/** The same before time goes on without it. */
const QUIET_MS = 300;
/** The same before a job without a timer counts as one that waits for something else. */
const STILL_MS = 700;
/** The same before the end is believed. */
const SURE_MS = 60;

interface Tick {
  schedule: StoredSchedule;
  dueMs: number;
}

export class VirtualTime {
  readonly #broker: Broker;
  readonly #work: OpenWork;
  /** When each schedule fires next, by its subject; anew where it was changed. */
  readonly #ticks = new Map<string, { timing: string; dueMs: number }>();

  constructor(broker: Broker, work: OpenWork) {
    this.#broker = broker;
    this.#work = work;
  }

  now(): number {
    return this.#broker.clock.now();
  }

  /**
   * Runs until nothing is left, or `isOver`.
   * @throws JetfleetError `JETFLEET_WAIT_TIMEOUT` with what is left
   */
  async drain({ timeoutMs = DEFAULT_TIMEOUT_MS }: DrainOptions = {}, isOver = () => false): Promise<Drained> {
    const endMs = performance.now() + timeoutMs;
    const begunMs = this.now();
    const startMs = performance.now();
    for (let fired = 0; ; ) {
      const left = await this.#settled(endMs, UNTAKEN_MS, isOver);
      const isDone = isOver();
      if (!isDone && left.busy.length > 0) throw notTaken(left, timeoutMs);
      // What waits for a signal has a timer too, for the end of that wait.
      const still = new Set(left.still.map(({ id }) => id));
      const next = isDone ? [] : dueTogether(left.timers.filter(({ id }) => !still.has(id)));
      if (!isDone && next.length === 0 && (await this.#isStirring())) continue;
      if (next.length === 0) {
        const skippedMs = Math.max(0, Math.round(this.now() - begunMs - (performance.now() - startMs)));
        return { skippedMs, fired, waiting: left.still.map(({ id }) => id) };
      }
      fired += await this.#fire(next);
    }
  }

  /** Lets so much time pass: what becomes due meanwhile runs, in its order. */
  async advance(ms: number, { timeoutMs = DEFAULT_TIMEOUT_MS }: DrainOptions = {}): Promise<number> {
    const endMs = performance.now() + timeoutMs;
    await this.#nextTicks();
    const untilMs = this.now() + ms;
    for (let fired = 0; ; ) {
      const left = await this.#settled(endMs, QUIET_MS);
      const tick = (await this.#nextTicks()).find(({ dueMs }) => dueMs <= untilMs);
      // The timer of a tick is set a moment after the tick was due, and real time goes on meanwhile.
      const dueByMs = Math.max(untilMs, this.now());
      const timers = dueTogether(left.timers).filter(({ dueMs }) => dueMs <= dueByMs);
      if (tick && tick.dueMs <= (timers[0]?.dueMs ?? Number.POSITIVE_INFINITY)) await this.#begin(tick);
      else if (timers.length > 0) fired += await this.#fire(timers);
      else if (!(await this.#isStirring())) {
        this.#skipTo(untilMs);
        return fired;
      }
    }
  }

  /** Waits until nothing runs and nothing can. @param quietMs how long what is queued may lie there */
  async #settled(endMs: number, quietMs: number, isOver = () => false): Promise<Left> {
    const { changes } = this.#work;
    for (;;) {
      const { count } = changes;
      const left = await this.#work.look();
      const { busy, still } = left;
      if (isOver() || (busy.length === 0 && (still.length === 0 || changes.quietMs > STILL_MS))) return left;
      const runs = busy.some(({ state }) => state === 'running');
      if (!runs && busy.length > 0 && changes.quietMs > quietMs) return left;
      if (performance.now() > endMs) throw notEnded(left);
      await changes.after(count, LOOK_AGAIN_MS);
    }
  }

  /** A job that was called out of a line is nowhere for some milliseconds: the end is believed once nothing has changed for a while. */
  async #isStirring(): Promise<boolean> {
    const { changes } = this.#work;
    const { count, quietMs } = changes;
    if (quietMs >= SURE_MS) return false;
    await changes.after(count, SURE_MS - quietMs);
    return true;
  }

  async #fire(timers: readonly Timer[]): Promise<number> {
    this.#skipTo(timers.at(-1)?.dueMs ?? 0);
    let fired = 0;
    for (const timer of timers) {
      try {
        await this.#work.fire(timer);
        fired++;
      } catch (error) {
        // It was set anew, or the broker has fired it.
        if (!(error instanceof ConflictError)) throw error;
      }
    }
    return fired;
  }

  /** Schedules that fire, with the time of their next tick, the earliest first. */
  async #nextTicks(): Promise<Tick[]> {
    const ticks: Tick[] = [];
    for (const schedule of await readSchedules(this.#broker)) {
      const { message, timing, untilMs = Number.POSITIVE_INFINITY, pausedAt, isBare, job } = schedule;
      if (pausedAt !== undefined) this.#ticks.delete(message.subject);
      if (pausedAt !== undefined || !isBare || !job) continue;
      let known = this.#ticks.get(message.subject);
      if (known?.timing !== JSON.stringify(timing)) {
        const dueMs = tickAfter(timing, this.now());
        if (dueMs === undefined) continue;
        known = { timing: JSON.stringify(timing), dueMs };
        this.#ticks.set(message.subject, known);
      }
      if (known.dueMs < untilMs) ticks.push({ schedule, dueMs: known.dueMs });
    }
    return ticks.sort((a, b) => a.dueMs - b.dueMs);
  }

  /** Starts the run of a tick, as workers make up for one that the broker has missed. */
  async #begin({ schedule, dueMs }: Tick): Promise<void> {
    this.#skipTo(dueMs);
    const { message, timing, job } = schedule;
    const nextMs = tickAfter(timing, dueMs);
    const next = { timing: JSON.stringify(timing), dueMs: nextMs ?? Number.POSITIVE_INFINITY };
    this.#ticks.set(message.subject, next);
    if (job) await makeUpFor(this.#broker, { schedule, job, dueMs, nextMs: nextMs ?? dueMs });
    this.#work.changes.note();
  }

  #skipTo(ms: number): void {
    this.#broker.clock.skip(Math.max(0, Math.ceil(ms - this.now())));
  }
}

/** The server rounds intervals to seconds; here they are exact. */
function tickAfter(timing: ScheduleTiming, ms: number): number | undefined {
  return timing.everyMs === undefined ? nextTick(timing, ms, ms) : ms + timing.everyMs;
}

function dueTogether(timers: readonly Timer[]): Timer[] {
  const [first] = timers;
  return first ? timers.filter(({ dueMs }) => dueMs - first.dueMs < TICK_MS) : [];
}

function notTaken(left: Left, timeoutMs: number): JetfleetError {
  const limit = Math.min(UNTAKEN_MS, timeoutMs) / 1_000;
  return waitTimeout(`no worker has taken for ${limit} s what is queued`, left);
}

function notEnded(left: Left): JetfleetError {
  return waitTimeout('the time for draining is over', left);
}

function waitTimeout(why: string, { busy, still }: Left): JetfleetError {
  const jobs = [...busy, ...still];
  const shown = jobs.slice(0, 10).map(({ id, type, state }) => `${type} ${id} is ${state}`);
  if (jobs.length > shown.length) shown.push(`and ${jobs.length - shown.length} more`);
  return new JetfleetError('JETFLEET_WAIT_TIMEOUT', `${why}: ${shown.join(', ')}`, { retryable: true });
}
