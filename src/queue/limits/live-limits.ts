import type { Broker } from '../../broker/broker.js';
import { wakeable } from '../../jobs/deadline.js';
import { JetfleetError } from '../../jobs/errors.js';
import { givenSettings, type LimitSettings, type NeededPermit, parseLimitName } from '../../jobs/limit.js';
import { hintedMs } from '../../jobs/numbers.js';
import { MAX_RETRY_AFTER_MS } from '../../jobs/retry-after.js';
import { newUlid } from '../../jobs/ulid.js';
import { type JobPriority, PRIORITIES } from '../../jobs/vocabulary.js';
import type { Ledger } from '../../wire/limit-message.js';
import { limitsChangedSubject } from '../../wire/limit-subjects.js';
import type { LimitsNotice } from '../../wire/notice-messages.js';
import type { Permits } from './acquire.js';
import { type Claimant, joinLive, ownPermit, renew, set } from './ledger.js';
import type { Limiter } from './limiter.js';

/** What a call under a limit is given. */
export interface PermitContext {
  /** Fires when the job is stopped, and when the permit was lost because this process was too slow to renew it. */
  signal: AbortSignal;
  limit: string;
  key: string;
}

/** Who calls. */
export interface Caller {
  job: string;
  worker: string;
  priority: JobPriority;
  /** Whose turn it takes among those that wait. */
  turn: string;
  signal?: AbortSignal | undefined;
}

const MAX_NOTICE_OWNERS = 100;

/**
 * The limiter around any call: it waits in this process, with its slot, and is woken by whoever gives it a permit, with a notice. A notice that is missed
 * is made up for when the place in line is renewed.
 */
export class LiveLimits {
  readonly #broker: Broker;
  readonly #limiter: Limiter;
  /** By owner. */
  readonly #waiting = new Map<string, () => void>();
  #stopHearing: (() => void) | undefined;

  constructor(broker: Broker, limiter: Limiter) {
    this.#broker = broker;
    this.#limiter = limiter;
    limiter.dispatcher.onLive = (waiters) => {
      const elsewhere = waiters.filter(({ owner }) => !this.#wake(owner)).map(({ owner }) => owner);
      if (elsewhere.length === 0) return;
      broker.notices.tell(limitsChangedSubject(broker.subjects), { given: elsewhere } satisfies LimitsNotice);
    };
  }

  /**
   * Runs a call once there is a permit for it, and gives that back when it has ended.
   * @param text `<limit>:<key>`
   * @throws what the call throws; the reason of the caller's signal; JetfleetError `JETFLEET_LIMIT_UNKNOWN`
   * @throws ValidationError `JETFLEET_LIMIT_INVALID`
   */
  async run<T>(
    text: string,
    given: LimitSettings | undefined,
    caller: Caller,
    call: (permit: PermitContext) => T | Promise<T>,
  ): Promise<T> {
    const { name, key } = parseLimitName(text);
    // What somebody has set comes first, each time that it is asked for.
    const said = (given && givenSettings(name, given)) ?? (await this.#limiter.settings.get(name));
    if (!said) {
      const why = `nobody has said how many permits ${name} has; give the worker limits: { ${JSON.stringify(name)}: { concurrency: 3 } }, or call queue.limits.set`;
      throw new JetfleetError('JETFLEET_LIMIT_UNKNOWN', why);
    }
    caller.signal?.throwIfAborted();
    const need: NeededPermit = { name, key, ...said };
    const run = newUlid();
    const claimant = { owner: `${caller.job}#${run}`, job: caller.job, worker: caller.worker, run };
    const lost = new AbortController();
    const permits = await this.#permitsFor(need, claimant, caller, () => lost.abort(lostPermit(text)));
    const signal = caller.signal ? AbortSignal.any([caller.signal, lost.signal]) : lost.signal;
    try {
      await this.#limiter.untilStart(permits, signal);
      signal.throwIfAborted();
      return await call({ signal, limit: name, key });
    } catch (error) {
      const forMs = hintedMs(Object(error).retryAfterMs, MAX_RETRY_AFTER_MS);
      if (forMs) await this.#limiter.close([need], forMs);
      throw error;
    } finally {
      await this.#limiter.release(permits);
    }
  }

  stop(): void {
    this.#stopHearing?.();
    this.#stopHearing = undefined;
    for (const wake of this.#waiting.values()) wake();
  }

  async #permitsFor(
    need: NeededPermit,
    claimant: Claimant,
    caller: Caller,
    onLost: () => void,
  ): Promise<Permits> {
    const { dispatcher, settings, leaseMs } = this.#limiter;
    let taken = await this.#limiter.acquire(claimant, [need], false, onLost);
    if (!('at' in taken)) return taken;
    this.#hear();
    try {
      for (let first = true; ; first = false) {
        // When its place is renewed, it sees what a notice would have said.
        const pause = wakeable(leaseMs / 3, [caller.signal]);
        this.#waiting.set(claimant.owner, pause.wake);
        const [now = need] = await settings.current([need]);
        const isGiven = await this.#limiter.ledgers.update([need], ([draft], nowMs) => {
          const ledger = draft as Ledger;
          if (ownPermit(ledger, claimant.owner)) return { result: true, isChanged: false };
          set(ledger, now);
          const until = nowMs + leaseMs;
          const isIn = !first && ledger.live.some(({ owner }) => owner === claimant.owner);
          if (isIn) renew(ledger, claimant, nowMs, leaseMs);
          else
            joinLive(ledger, {
              ...claimant,
              since: nowMs,
              until,
              priority: PRIORITIES.indexOf(caller.priority),
              turn: caller.turn,
            });
          return { result: false, isChanged: true };
        });
        if (isGiven) pause.wake();
        else await dispatcher.idle(need);
        await pause.over;
        caller.signal?.throwIfAborted();
        taken = await this.#limiter.acquire(claimant, [need], true, onLost);
        if (!('at' in taken)) return taken;
      }
    } catch (error) {
      await this.#limiter.free(claimant.owner, [need]).catch(() => {});
      throw error;
    } finally {
      this.#waiting.get(claimant.owner)?.();
      this.#waiting.delete(claimant.owner);
    }
  }

  /** @returns whether it waits here */
  #wake(owner: string): boolean {
    const wake = this.#waiting.get(owner);
    wake?.();
    return wake !== undefined;
  }

  #hear(): void {
    this.#stopHearing ??= this.#broker.notices.hear(
      limitsChangedSubject(this.#broker.subjects),
      ({ given }) => {
        if (!Array.isArray(given)) return;
        for (const owner of given.slice(0, MAX_NOTICE_OWNERS))
          if (typeof owner === 'string') this.#wake(owner);
      },
    );
  }
}

function lostPermit(text: string): JetfleetError {
  return new JetfleetError(
    'JETFLEET_LEASE_LOST',
    `the permit of ${text} was given to others: it was renewed too late`,
  );
}
