import { setTimeout as delay } from 'node:timers/promises';
import type { LastEvent } from '../../broker/broker.js';
import { ConflictError, JetfleetError } from '../../jobs/errors.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { type CheckedLimits, permitsOf } from '../../jobs/limit.js';
import { newUlid } from '../../jobs/ulid.js';
import type { Permits, Refused } from '../../queue/limits/acquire.js';
import type { Turn } from '../../queue/limits/limiter.js';
import { requestOf, transitionRecord } from '../../queue/transition-record.js';
import { type DecodedJob, isFromTimers } from '../../wire/job-message.js';
import type { RegisteredHandler } from '../job-handler.js';
import { factsOf, isUnwritable, writeEvent } from '../outcome/job-writes.js';
import { HeldPermits } from '../run/held-permits.js';
import type { WorkerServices } from '../worker-services.js';
import {
  type Candidate,
  type ClaimedJob,
  decisionOf,
  isNamesake,
  MAX_EARLY_MS,
  mismatchOf,
  renamed,
  wasAccepted,
} from './candidate.js';
import { leadsToRun } from './decide-claim.js';
import { type CheckedPayload, loadedPayload } from './payload-check.js';

/** What is done of a job with and without limits. */
export interface ClaimSteps {
  /** Claims a job whose permits are taken. `isEarly`: its handler may begin before its claim is written. */
  claim(candidate: Candidate, isEarly: boolean): Promise<ClaimedJob | undefined>;
  /** The job as it was before its claim: its record, or a new one with what its type says. */
  before(job: DecodedJob, last: LastEvent | undefined): JobRecord;
  /** Whether the message of a job without a record is still there. */
  isStored(candidate: Candidate): Promise<boolean>;
  /** Whether the tick of a recurring schedule may run; the delivery is dealt with where it may not. */
  admits(candidate: Candidate, lastSeq: number): Promise<boolean>;
}

/** How long before its start a job is claimed at most. */
const CLAIMED_BEFORE_MS = 300;
/** Somebody who cancels the job, or moves it on otherwise, makes it be looked at again. */
const MOST_TRIES = 5;

/**
 * The jobs of a type with limits: each takes its permits before it is claimed. One that gets none is written as waiting, put in line, and its message
 * is acknowledged: it holds no slot, no message and no memory here until it is called. After a crash in between, its message comes
 * again, and what was done is found by the record.
 */
export class LimitedClaims {
  readonly #services: WorkerServices;
  readonly #handler: RegisteredHandler;
  readonly #limits: CheckedLimits;
  readonly #steps: ClaimSteps;

  constructor(
    services: WorkerServices,
    handler: RegisteredHandler,
    limits: CheckedLimits,
    steps: ClaimSteps,
  ) {
    this.#services = services;
    this.#handler = handler;
    this.#limits = limits;
    this.#steps = steps;
  }

  async claim(candidate: Candidate): Promise<ClaimedJob | undefined> {
    const beganMs = performance.now();
    for (let tries = 1; ; tries++) {
      try {
        return await this.#try(candidate, tries > 1, beganMs);
      } catch (error) {
        if (!(error instanceof ConflictError) || tries >= MOST_TRIES) throw error;
      }
    }
  }

  /** @throws ConflictError where somebody else has moved the job on, so that its record is to be read */
  async #try(given: Candidate, isAgain: boolean, beganMs: number): Promise<ClaimedJob | undefined> {
    const { broker, limiter } = this.#services;
    const { delivery } = given;
    const isRead = isAgain || delivery.deliveryCount > 1 || !delivery.isFresh || isFromTimers(delivery);
    let candidate = given;
    let last = isRead ? await broker.lastEvent(candidate.job.request.id) : undefined;
    if (last?.record && isNamesake(candidate.job, last.record)) {
      candidate = renamed(candidate);
      last = await broker.lastEvent(candidate.job.request.id);
    }
    if (!last?.record && isRead && !isFromTimers(delivery) && !(await this.#steps.isStored(candidate)))
      return undefined;
    const { job } = candidate;
    const before = this.#steps.before(job, last);
    const isRefused = !wasAccepted(last) && (job.error || (await this.#checkedError(candidate, before)));
    if (isRefused || mismatchOf(job, last?.record, delivery.seq)) return this.#steps.claim(candidate, false);
    let wanted: ReturnType<typeof permitsOf>;
    try {
      const { payload } = candidate.checked ?? (await this.#loaded(before));
      wanted = permitsOf(this.#limits, payload);
    } catch (error) {
      return this.#refuse(candidate, last, error);
    }
    const { needs } = wanted;
    if (needs.length === 0) return this.#steps.claim(candidate, !isRead);
    if (this.#services.isReleasing()) {
      delivery.nak();
      return undefined;
    }
    const { id } = before;
    const parked = before.limited && before.workSeq === delivery.seq ? before.limited : undefined;
    const at = needs.find(({ name, key }) => name === parked?.limit && key === parked.key);
    if (at) return this.#park(candidate, before, { at }, wanted);
    const decision = decisionOf(candidate, last, factsOf(this.#services, delivery).nowMs);
    if (decision.kind !== 'claim' || !leadsToRun(decision.event, before)) {
      // What a worker that died has held for it is free, before its message is acknowledged.
      if (decision.kind === 'ended' || decision.kind === 'claim') {
        await limiter().free(id, needs);
        await Promise.all(needs.map((need) => limiter().dispatcher.recover(need)));
      }
      return this.#steps.claim(candidate, false);
    }
    const claimant = { owner: id, job: id, worker: this.#services.worker, run: newUlid() };
    const taken = await limiter().acquire(claimant, needs, isRead, () =>
      this.#services.runs.get(id)?.permitLost(claimant.run),
    );
    if (!('at' in taken))
      return this.#claimWith(candidate, taken, !isRead && performance.now() - beganMs < MAX_EARLY_MS);
    if (!last?.record && !(await this.#steps.admits(candidate, last?.seq ?? 0))) return undefined;
    try {
      const record = this.#parkedRecord(candidate, before, taken);
      await writeEvent(this.#services, record, last?.seq ?? 0);
      await this.#services.onFailpoint?.('park.written', id);
      return await this.#park(candidate, record, taken, wanted);
    } catch (error) {
      if (!isUnwritable(error) || error instanceof ConflictError) throw error;
      return this.#refuse(candidate, last, error);
    }
  }

  async #checkedError(candidate: Candidate, before: JobRecord): Promise<unknown> {
    if (candidate.job.error) return candidate.job.error;
    candidate.checked ??= await this.#loaded(before);
    return candidate.checked.error;
  }

  #loaded({ id, payload }: JobRecord): Promise<CheckedPayload> {
    return loadedPayload(this.#services.broker, this.#handler, id, payload);
  }

  /** Without its key, it is not known what it needs. One that was accepted before comes again, since a later version may know. */
  #refuse(
    candidate: Candidate,
    last: LastEvent | undefined,
    error: unknown,
  ): Promise<ClaimedJob | undefined> {
    if (wasAccepted(last) || !JetfleetError.is(error)) throw error;
    return this.#steps.claim({ ...candidate, job: { ...candidate.job, error } as Candidate['job'] }, false);
  }

  async #claimWith(
    candidate: Candidate,
    permits: Permits,
    isEarly: boolean,
  ): Promise<ClaimedJob | undefined> {
    const { broker, limiter, logger } = this.#services;
    const held = new HeldPermits(limiter(), permits, logger);
    let isToBegin = false;
    try {
      // Its claim takes a moment, and is not to make it late.
      const leftMs = permits.startAtMs - broker.clock.now() - CLAIMED_BEFORE_MS;
      if (leftMs > 0) await delay(leftMs);
      const claimed = await this.#steps.claim(candidate, isEarly);
      if (!claimed) return undefined;
      if (permits.isShared && !(await limiter().adopt(permits)))
        throw new JetfleetError(
          'JETFLEET_LEASE_LOST',
          'its permit was given back, and to others, while it was claimed',
        );
      await limiter().untilStart(permits);
      isToBegin = true;
      return { ...claimed, permits: held, slot: held.slotOf(claimed.slot) };
    } finally {
      // Of another run that perhaps goes on, nothing is given back: these are taken back by their run.
      if (!isToBegin) await held.release();
    }
  }

  /** The attempt that it is in, or that it has behind it, stays as it is. */
  #parkedRecord(candidate: Candidate, before: JobRecord, { at }: Refused): JobRecord {
    const { state, attempt, checkpoint, error, limited } = before;
    const facts = factsOf(this.#services, candidate.delivery);
    const record = transitionRecord(
      before,
      state === 'waiting' ? 'waiting' : 'queued',
      { attempt, checkpoint, ...(error && { error }) },
      facts,
    );
    record.limited = { limit: at.name, key: at.key, since: limited?.since ?? record.updatedAt };
    return record;
  }

  async #park(
    candidate: Candidate,
    record: JobRecord,
    refused: Refused,
    { needs, turn, weight }: Turn & { needs: Permits['needs'] },
  ): Promise<undefined> {
    const { broker, limiter, eventsMaxAgeMs, onFailpoint } = this.#services;
    // It waits without one. Those that were called come behind all that are yet to be put in line.
    candidate.slot.free();
    // Its record must be written again before it expires, and not at the same time as all that came with it.
    const leftMs = Math.min(eventsMaxAgeMs / 2, MOST_WAIT_MS) * (1 - Math.random() / 4);
    const latestMs = Math.round(broker.clock.now() + leftMs);
    await limiter().park(requestOf(record), refused, needs, { turn, weight }, latestMs);
    await onFailpoint?.('park.in-line', record.id);
    candidate.delivery.ack();
    return undefined;
  }
}

const MOST_WAIT_MS = 7 * 24 * 60 * 60 * 1_000;
