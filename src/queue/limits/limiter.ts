import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import { JetfleetError } from '../../jobs/errors.js';
import type { JobRequest } from '../../jobs/job-record.js';
import type { LimitSettings, NeededPermit } from '../../jobs/limit.js';
import { PRIORITIES } from '../../jobs/vocabulary.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Ledger } from '../../wire/limit-message.js';
import { acquireAll, type Permits, type Refused } from './acquire.js';
import { Dispatcher } from './dispatcher.js';
import {
  adopt,
  type Claimant,
  close,
  join,
  nextFreeAt,
  ownPermit,
  release,
  renew,
  reopen,
  set,
  turnOf,
} from './ledger.js';
import { Ledgers, type LimitKey } from './ledgers.js';
import { enterLine } from './line.js';
import { LimitSettingsStore } from './settings.js';
import { isLateStart, noteStartAt, startForLate, takeBackStart } from './starts.js';

/** Whose turn a job takes, and with how many turns to one of others. */
export interface Turn {
  turn: string;
  weight: number;
}

/** How long a timer may be later than the wait that is expected: it only matters where nobody has called the job. */
const LATE_MS = 30_000;
/** How far ahead a job that was late moves its start at most. */
const MOST_LEAD_MS = 500;

/**
 * Permits across all workers. What is held of a key is one message of LIMITS, changed by compare-and-set; leases end by the broker's
 * clock. A job without a permit is a timer in TIMERS. Whoever gives a permit back, or gives it up, calls the next one
 * (see {@link Dispatcher}). No process leads, and none has to live.
 */
export class Limiter {
  readonly ledgers: Ledgers;
  readonly settings: LimitSettingsStore;
  readonly dispatcher: Dispatcher;
  readonly leaseMs: number;
  readonly #broker: Broker;
  readonly #logger: Logger;
  /** What this process holds, by owner and run: renewed until it is released. */
  readonly #held = new Map<string, { permits: Permits; renewedMs: number; onLost: () => void }>();
  #renewing: NodeJS.Timeout | undefined;
  /** How long a change of a ledger takes, by those before. */
  #writeMs = 20;

  constructor(broker: Broker, leaseMs: number, logger: Logger) {
    this.#broker = broker;
    this.#logger = logger;
    this.leaseMs = leaseMs;
    this.ledgers = new Ledgers(broker, (ledger) => this.dispatcher.seen(ledger));
    this.dispatcher = new Dispatcher(broker, this.ledgers, leaseMs, logger);
    this.settings = new LimitSettingsStore(broker, logger);
    this.dispatcher.current = (needs) => this.settings.current(needs);
  }

  /**
   * Takes all permits that a job needs, or none.
   * @param wasCalled whether it may have been given them
   * @param onLost told when its permits were given to others, since this process was too slow to renew them
   */
  async acquire(
    claimant: Claimant,
    needs: readonly NeededPermit[],
    wasCalled: boolean,
    onLost: () => void,
  ): Promise<Permits | Refused> {
    const asked = await this.settings.current(needs);
    if (wasCalled) this.ledgers.refresh(asked, claimant.owner);
    const beganMs = performance.now();
    // A claim follows, which takes about as long.
    const times = { leaseMs: this.leaseMs, leadMs: this.#writeMs * 2 };
    const taken = await this.ledgers.update<Omit<Permits, 'claimant' | 'needs'> | Refused>(
      asked,
      (ledgers, nowMs) => acquireAll(ledgers, asked, claimant, { nowMs, ...times }),
    );
    if (!('at' in taken)) this.#noteWrite(performance.now() - beganMs);
    if ('at' in taken) return taken;
    const permits = { ...taken, claimant, needs: asked };
    this.#keep(permits, onLost);
    return permits;
  }

  /**
   * Waits until a job may start. One that is later than was noted, as on a busy machine, moves its start to a time at which it is ready, and
   * at which its rates have room: whatever was slow, no time of a rate holds more.
   */
  async untilStart(permits: Permits, signal?: AbortSignal): Promise<void> {
    let { startAtMs } = permits;
    const rates = permits.needs.filter(({ rate }) => rate !== undefined);
    for (;;) {
      const leftMs = startAtMs - this.#broker.clock.now();
      if (leftMs > 0) await delay(leftMs, undefined, signal && { signal }).catch(() => {});
      if (signal?.aborted) return;
      const lateMs = this.#broker.clock.now() - startAtMs;
      if (!rates.some((need) => isLateStart(need, startAtMs, startAtMs + lateMs))) return;
      const beforeMs = startAtMs;
      const beganMs = performance.now();
      startAtMs = await this.ledgers.update(rates, (ledgers, nowMs) => {
        const fromMs = nowMs + this.#writeMs;
        for (const ledger of ledgers) takeBackStart(ledger, beforeMs);
        const atMs = startForLate(ledgers, fromMs);
        for (const ledger of ledgers) noteStartAt(ledger, atMs);
        return { result: atMs, isChanged: true };
      });
      this.#noteWrite(performance.now() - beganMs);
    }
  }

  /** Most of those that come next are quicker. */
  #noteWrite(tookMs: number): void {
    this.#writeMs = Math.min(Math.max(tookMs * 1.5, this.#writeMs * 0.9), MOST_LEAD_MS);
  }

  /**
   * The claim of this run is written, so that the permits of an earlier one are its own. That one may have given them back meanwhile.
   * @returns false where others have got them
   */
  async adopt({ claimant, needs }: Permits): Promise<boolean> {
    const limits = needs.filter(({ concurrency }) => concurrency !== undefined);
    if (limits.length === 0) return true;
    return this.ledgers.update(limits, (ledgers, nowMs) => {
      const isHeld = ledgers.every(
        (ledger) => ownPermit(ledger, claimant.owner) || Number.isFinite(nextFreeAt(ledger, nowMs)),
      );
      if (isHeld) for (const ledger of ledgers) adopt(ledger, claimant, nowMs, this.leaseMs);
      return { result: isHeld, isChanged: isHeld };
    });
  }

  /** Gives permits back, and calls those whose turn it is. Resolves once they are called. */
  async release({ claimant, needs }: Pick<Permits, 'claimant' | 'needs'>): Promise<void> {
    this.#held.delete(heldId(claimant));
    this.#stopIfIdle();
    await this.free(claimant.owner, needs, claimant.run);
  }

  /** Frees what a job holds that has ended. @param run the only one that it is taken from; defaults to any */
  async free(owner: string, keys: readonly LimitKey[], run?: string): Promise<void> {
    await Promise.all(
      keys.map(async (key) => {
        await this.ledgers.update([key], ([ledger]) => {
          const isHeld = release(ledger as Ledger, owner, run);
          return { result: undefined, isChanged: isHeld };
        });
        await this.dispatcher.idle(key);
      }),
    );
  }

  /**
   * Puts a job in line for a permit that it was refused. What happens after a crash in between: its message comes again, and all of
   * this is repeated.
   */
  async park(
    job: JobRequest,
    refused: Refused,
    needs: readonly NeededPermit[],
    { turn, weight }: Turn,
    latestMs: number,
  ): Promise<void> {
    // Somebody may have set the limit since it was refused.
    const [at = refused.at] = await this.settings.current([refused.at]);
    const priority = PRIORITIES.indexOf(job.priority);
    const { waitMs, turn: own } = this.#expectedWait(refused.ledger ?? (await this.ledgers.read(at)), turn);
    const nowMs = this.#broker.clock.now();
    const runAtMs = Math.min(latestMs, nowMs + waitMs * 2 + LATE_MS);
    await enterLine(this.#broker, job, { ...at, turn: own }, needs, runAtMs);
    const isGiven = await this.ledgers.update([at], ([draft]) => {
      const ledger = draft as Ledger;
      set(ledger, at);
      // Counted in any case: who has given it a permit meanwhile has counted it out. A count that is too high is found, one too low is not.
      join(ledger, own, priority, weight);
      return { result: ownPermit(ledger, job.id) !== undefined, isChanged: true };
    });
    if (isGiven) await this.dispatcher.callAgain(at, job.id);
    await this.dispatcher.idle(at);
  }

  /**
   * Infinite where it takes a permit that is given back, and on trial, whose end nobody knows: the timer of such a job is no sooner than its
   * record has to be written again. Who is next is called by all that know of the line, and by the sweep of a worker.
   */
  #expectedWait(ledger: Ledger, turn: string): { waitMs: number; turn: string } {
    const nowMs = this.#broker.clock.now();
    const freeAtMs = nextFreeAt(ledger, nowMs);
    const { rate, waiting, onTrial } = ledger;
    const ahead = waiting.reduce((sum, { counts }) => sum + counts.reduce((a, b) => a + b, 0), 0);
    const waitMs = onTrial
      ? Number.POSITIVE_INFINITY
      : freeAtMs - nowMs + (rate ? (ahead / rate.max) * rate.perMs : 0);
    return { waitMs, turn: turnOf(ledger, turn) };
  }

  /** Nobody starts under a key for so long. */
  async close(keys: readonly LimitKey[], forMs: number): Promise<void> {
    await Promise.all(
      keys.map((key) =>
        this.ledgers.update([key], ([ledger], nowMs) => {
          close(ledger as Ledger, nowMs + forMs);
          return { result: undefined, isChanged: true };
        }),
      ),
    );
  }

  /** Nobody starts under a key before that time, and then one at a time, until it is reopened: what waits stays in line. */
  async closeOnTrial(key: LimitKey, untilMs: number): Promise<void> {
    await this.ledgers.update([key], ([draft]) => {
      const ledger = draft as Ledger;
      const isClosed = ledger.onTrial === true && (ledger.closedUntil ?? 0) >= untilMs;
      close(ledger, untilMs, true);
      return { result: undefined, isChanged: !isClosed };
    });
  }

  /** A key that was closed, or is on trial, starts jobs again. It costs nothing where it is neither. */
  async reopen(key: LimitKey): Promise<void> {
    await this.ledgers.update([key], ([ledger]) => ({
      result: undefined,
      isChanged: reopen(ledger as Ledger),
    }));
  }

  /** Whether a key is on trial, as far as this process has seen. */
  isOnTrial(key: LimitKey): boolean {
    return this.ledgers.known(key)?.onTrial === true;
  }

  stop(): void {
    clearInterval(this.#renewing);
    this.#renewing = undefined;
    this.#held.clear();
    this.dispatcher.stop();
    this.settings.stop();
  }

  #keep(permits: Permits, onLost: () => void): void {
    if (permits.needs.every(({ concurrency }) => concurrency === undefined)) return;
    this.#held.set(heldId(permits.claimant), { permits, renewedMs: performance.now(), onLost });
    this.#renewing ??= setInterval(() => this.#renewDue(), this.leaseMs / 6).unref();
  }

  #stopIfIdle(): void {
    if (this.#held.size > 0) return;
    clearInterval(this.#renewing);
    this.#renewing = undefined;
  }

  /** A lease is renewed when a third of it is over. */
  #renewDue(): void {
    const nowMs = performance.now();
    for (const each of this.#held.values()) {
      if (nowMs - each.renewedMs < this.leaseMs / 3) continue;
      each.renewedMs = nowMs;
      void this.#renew(each.permits, each.onLost);
    }
  }

  async #renew({ claimant, needs }: Permits, onLost: () => void): Promise<void> {
    try {
      const limits = await this.settings.current(
        needs.filter(({ concurrency }) => concurrency !== undefined),
      );
      const held = await Promise.all(
        limits.map((limit) =>
          this.ledgers.update([limit], ([ledger], nowMs) => {
            // It may have been given back meanwhile.
            if (!this.#held.has(heldId(claimant))) return { result: true, isChanged: false };
            // Whoever asks for a permit says what the limit is, not who has one: only a ledger that was lost takes it from here.
            if (!hasSettings(ledger as Ledger)) set(ledger as Ledger, limit);
            const isHeld = renew(ledger as Ledger, claimant, nowMs, this.leaseMs);
            return { result: isHeld, isChanged: isHeld };
          }),
        ),
      );
      if (held.every(Boolean) || !this.#held.delete(heldId(claimant))) return;
      this.#logger.warn(
        { owner: claimant.owner, limits: needs },
        'permits were lost: they were renewed too late',
      );
      onLost();
    } catch (error) {
      const { message } = error as Error;
      const level = JetfleetError.is(error, 'JETFLEET_CLOSED') ? 'debug' : 'warn';
      this.#logger[level]({ owner: claimant.owner, message }, 'permits cannot be renewed now');
    }
  }
}

function hasSettings({ concurrency, rate }: LimitSettings): boolean {
  return concurrency !== undefined || rate !== undefined;
}

function heldId({ owner, run }: Claimant): string {
  return `${owner} ${run}`;
}
