import {
  claimedAttempt,
  type JobMachine,
  jobMachine,
  nextJobState,
  resolveJobState,
} from '../../../machines/index.js';
import type { LastEvent } from '../../broker/broker.js';
import { ConflictError } from '../../jobs/errors.js';
import { type JobRecord, pendingRecord } from '../../jobs/job-record.js';
import { isReference } from '../../jobs/stored-object.js';
import { isTerminal, type JobState } from '../../jobs/vocabulary.js';
import { withTagsOfType } from '../../queue/tags-of-type.js';
import {
  requestOf,
  type Transition,
  transitionRecord,
  withFollowUps,
} from '../../queue/transition-record.js';
import { assertLatest } from '../../queue/waiting/leader-event.js';
import { type DecodedJob, isFromTimers } from '../../wire/job-message.js';
import type { RegisteredHandler } from '../job-handler.js';
import {
  beginWait,
  factsOf,
  followThrough,
  isUnwritable,
  noteTags,
  publishFollowUps,
  writeEvent,
} from '../outcome/job-writes.js';
import { refusedRecord, writeRefusal } from '../outcome/refusal.js';
import { machineInput, runLogic } from '../run/job-actor.js';
import type { WorkerServices } from '../worker-services.js';
import {
  type Candidate,
  type ClaimedJob,
  decisionOf,
  isNamesake,
  isOfMessage,
  MAX_EARLY_MS,
  mismatchOf,
  refused,
  renamed,
  wasAccepted,
} from './candidate.js';
import { type ClaimEvent, claimOfNew, leadsToRun } from './decide-claim.js';
import { fitToVersion, ofVersion, type VersionFit } from './handler-version.js';
import { type ClaimSteps, LimitedClaims } from './limited-claims.js';
import { type CheckedPayload, checkedPayload, loadedPayload } from './payload-check.js';
import { isTick, TickClaim } from './tick-claim.js';

/** Claims the jobs of one type: reads what a job has behind it, decides, and writes the claim where it is needed. */
export class Claimer {
  readonly #services: WorkerServices;
  readonly #handler: RegisteredHandler;
  readonly #machine: JobMachine;
  readonly #ticks: TickClaim;
  readonly #limited: LimitedClaims | undefined;

  constructor(services: WorkerServices, handler: RegisteredHandler) {
    this.#services = services;
    this.#handler = handler;
    this.#ticks = new TickClaim(services, handler.maxAttempts);
    this.#machine = jobMachine.provide({ actors: { run: runLogic(services.runs, handler) } });
    const steps: ClaimSteps = {
      claim: (candidate, isEarly) => this.#withPermits(candidate, isEarly),
      before: (job, last) => this.#before(job, last),
      isStored: (candidate) => this.#isStored(candidate),
      admits: async (candidate, lastSeq) => !isTick(candidate) || this.#ticks.admits(candidate, lastSeq),
    };
    this.#limited = handler.limits && new LimitedClaims(services, handler, handler.limits, steps);
  }

  /** At once for the first delivery of a job's only message: nobody else can hold it. @returns undefined where the delivery is dealt with */
  claim(candidate: Candidate): ClaimedJob | undefined | Promise<ClaimedJob | undefined> {
    if (this.#limited) return this.#limited.claim(candidate);
    if (!this.#mayBeginEarly(candidate)) return this.#byRecord(candidate);
    const checked = checkedPayload(this.#handler, candidate.job.request.payload);
    if (!(checked instanceof Promise)) {
      candidate.checked = checked;
      return this.#unwritten(candidate, checked) ?? this.#byRecord(candidate);
    }
    const beganMs = performance.now();
    return checked.then((later) => {
      candidate.checked = later;
      // Meanwhile the message may have been handed out again.
      const isLate = performance.now() - beganMs >= MAX_EARLY_MS || !this.#mayBeginEarly(candidate);
      return (isLate ? undefined : this.#unwritten(candidate, later)) ?? this.#byRecord(candidate);
    });
  }

  async #withPermits(candidate: Candidate, isEarly: boolean): Promise<ClaimedJob | undefined> {
    const { checked } = candidate;
    const claimed =
      isEarly && checked && this.#mayBeginEarly(candidate) ? this.#unwritten(candidate, checked) : undefined;
    return claimed ?? this.#byRecord(candidate);
  }

  #unwritten(candidate: Candidate, { payload, error }: CheckedPayload): ClaimedJob | undefined {
    if (error) return undefined;
    const event = claimOfNew(factsOf(this.#services, candidate.delivery).nowMs);
    const claimed = this.#draft(candidate, undefined, event, payload);
    return isTerminal(claimed.record.status) ? undefined : claimed;
  }

  #mayBeginEarly({ delivery, job }: Candidate): boolean {
    const { watchers, firstDeliveries, isReleasing } = this.#services;
    const { claim, run } = this.#handler;
    const { id, isNew, expiresInMs } = job.request;
    const { kind, type, priority } = job.address;
    // An object is to be read first.
    const isOnlyMessage =
      isNew === true && kind === 'jobs' && !job.error && !isReference(job.request.payload);
    return (
      claim === 'early' &&
      run.kind === 'function' &&
      isOnlyMessage &&
      expiresInMs === undefined &&
      delivery.deliveryCount === 1 &&
      delivery.isFresh &&
      !isFromTimers(delivery) &&
      firstDeliveries.has({ id, seq: delivery.seq, type, priority }) &&
      !isReleasing() &&
      !watchers.watch(id)
    );
  }

  async #byRecord(candidate: Candidate): Promise<ClaimedJob | undefined> {
    const { broker } = this.#services;
    const { delivery, job } = candidate;
    const id = job.request.id;
    let mayBeRemoved = delivery.deliveryCount > 1 || !delivery.isFresh;
    const mayHaveHistory = mayBeRemoved || isFromTimers(delivery);
    let last = mayHaveHistory ? await broker.lastEvent(id) : undefined;
    for (let read = mayHaveHistory; ; read = true) {
      try {
        if (mayBeRemoved && !last?.record && !(await this.#isStored(candidate))) return undefined;
        return await this.#decide(candidate, last);
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        const before = last?.seq;
        last = await broker.lastEvent(id);
        // Who claims it by the same message will answer that. A replica that is behind shows nothing new.
        if (read && (isOfMessage(last, delivery.seq) || last?.seq === before)) return undefined;
        mayBeRemoved = true;
      }
    }
  }

  /** A cleanup removes the message before the record, so a job that has neither was removed. Unacknowledged, it comes again. */
  async #isStored({ delivery, job }: Candidate): Promise<boolean> {
    const { read, subjects } = this.#services.broker;
    return (await read.bySequence(subjects.streamName(job.address.kind), delivery.seq)) !== undefined;
  }

  async #decide(candidate: Candidate, last: LastEvent | undefined): Promise<ClaimedJob | undefined> {
    const { delivery, job } = candidate;
    if (last?.record && isNamesake(job, last.record)) return this.#byRecord(renamed(candidate));
    const mismatch = mismatchOf(job, last?.record, delivery.seq);
    if (mismatch) return this.#byRecord(refused(candidate, mismatch));
    return this.#decided(candidate, last);
  }

  async #decided(candidate: Candidate, last: LastEvent | undefined): Promise<ClaimedJob | undefined> {
    const { delivery, job } = candidate;
    const { logger } = this.#services;
    const decision = decisionOf(candidate, last, factsOf(this.#services, delivery).nowMs);
    switch (decision.kind) {
      case 'claim': {
        if (!last?.record && isTick(candidate) && !(await this.#ticks.admits(candidate, last?.seq ?? 0)))
          return undefined;
        const fitting = await this.#ofVersion(candidate, last, decision.event);
        if (!fitting) return undefined;
        return this.#claim(candidate, fitting.last, decision.event).catch((error) =>
          this.#refuse(candidate, last, error),
        );
      }
      case 'ended':
        await assertLatest(this.#services.broker, job.request.id, last);
        await publishFollowUps(this.#services, decision.record);
        delivery.ack();
        return undefined;
      case 'rearm':
        await this.#rearm(candidate, decision.record, decision.lastSeq).catch((error) =>
          this.#refuse(candidate, last, error),
        );
        return undefined;
      case 'reroute':
        await assertLatest(this.#services.broker, job.request.id, last);
        await this.#services.broker.jobs.enqueueAgain(requestOf(decision.record));
        delivery.ack();
        return undefined;
      case 'duplicate':
        await assertLatest(this.#services.broker, job.request.id, last);
        logger.debug({ jobId: job.request.id, reason: decision.reason }, 'duplicate message dropped');
        delivery.ack();
        return undefined;
      case 'held':
        return undefined;
    }
  }

  /**
   * The last event as this version of the handler goes on with it: asked only of a claim that leads to a run, which carries what it makes of
   * the job. @returns undefined where the job is left to another version
   */
  async #ofVersion(
    { delivery, job }: Candidate,
    last: LastEvent | undefined,
    event: ClaimEvent,
  ): Promise<{ last: LastEvent | undefined } | undefined> {
    if (!last?.record || !leadsToRun(event, last.record)) return { last };
    const { version } = this.#handler;
    let fit: VersionFit;
    try {
      fit = fitToVersion(this.#handler, last.record);
    } catch (error) {
      await this.#keep(last.record, last.seq);
      throw error;
    }
    if ('record' in fit) return { last: { ...last, record: fit.record } };
    const { wanted } = fit;
    this.#services.logger.debug({ jobId: job.request.id, version, wanted }, 'job left to another version');
    await this.#keep(last.record, last.seq);
    delivery.nakLater();
    return undefined;
  }

  async #claim(
    candidate: Candidate,
    last: LastEvent | undefined,
    event: ClaimEvent,
  ): Promise<ClaimedJob | undefined> {
    const { job } = candidate;
    if (job.error && !wasAccepted(last)) throw job.error;
    const stored = (last?.record ?? job.request).payload;
    const isOfMessage = stored === job.request.payload;
    const { payload, error } =
      (isOfMessage && candidate.checked) ||
      (await loadedPayload(this.#services.broker, this.#handler, job.request.id, stored));
    if (error && !wasAccepted(last)) throw error;
    const claimed = this.#draft(candidate, last, event, payload);
    const { record } = claimed;
    if (this.#services.isReleasing()) {
      candidate.delivery.nak();
      return undefined;
    }
    const seq = await writeEvent(this.#services, record, last?.seq ?? 0);
    // The message may have been handed out again meanwhile.
    const { delivery } = candidate;
    if (isTerminal(record.status)) {
      await this.#endWithoutRun(candidate, record);
      return undefined;
    }
    if (record.tags) noteTags(this.#services, record);
    await this.#services.onFailpoint?.('claim.written', record.id);
    return { ...claimed, seq, delivery };
  }

  /** What a claim makes of the job. It is not written. */
  #draft(
    { delivery, job, slot }: Candidate,
    last: LastEvent | undefined,
    event: ClaimEvent,
    payload: unknown,
  ): ClaimedJob {
    const before = this.#before(job, last);
    const { state, context } = this.#next(before, payload, event);
    const moved = transitionRecord(before, state, context, factsOf(this.#services, delivery));
    const versioned = state === 'running' ? ofVersion(moved, this.#handler.version) : moved;
    const record = isTerminal(moved.status) ? withFollowUps(this.#services.broker.known, moved) : versioned;
    return {
      before,
      event,
      record,
      seq: 0,
      payload,
      handler: this.#handler,
      machine: this.#machine,
      delivery,
      slot,
      kind: job.address.kind,
    };
  }

  #before({ request }: DecodedJob, last: LastEvent | undefined): JobRecord {
    if (last?.record) return last.record;
    const { job, maxAttempts } = this.#handler;
    const tagged = job?.tags === undefined ? request : withTagsOfType({ get: () => job }, request);
    return pendingRecord(tagged, maxAttempts);
  }

  /** Where the claim leads. The chart is asked only for what is not always the same. */
  #next(before: JobRecord, payload: unknown, event: ClaimEvent): { state: JobState; context: Transition } {
    const { state, checkpoint } = before;
    const attempt = claimedAttempt(state, event, before);
    if (attempt !== undefined) return { state: 'running', context: { attempt, checkpoint } };
    const input = machineInput({ before, payload, handler: this.#handler });
    return nextJobState(this.#machine, resolveJobState(state, input, this.#machine), event);
  }

  /** Ends a job that can never be claimed. @throws what is no fault of the job, so that a later delivery may do better */
  async #refuse(candidate: Candidate, last: LastEvent | undefined, error: unknown): Promise<undefined> {
    if (!isUnwritable(error)) throw error;
    const { known } = this.#services.broker;
    const before = this.#before(candidate.job, last);
    const refused = refusedRecord(known, before, error, factsOf(this.#services, candidate.delivery));
    const record = await writeRefusal(known, refused, (each) =>
      writeEvent(this.#services, each, last?.seq ?? 0),
    );
    const { code, message, problems } = record.error ?? {};
    this.#services.logger.warn({ jobId: record.id, type: record.type, code, problems }, message ?? 'refused');
    await this.#endWithoutRun(candidate, record);
    return undefined;
  }

  async #endWithoutRun({ delivery, job }: Candidate, record: JobRecord): Promise<void> {
    await followThrough(this.#services, record, job.address.kind);
    delivery.ack();
  }

  /**
   * Sets the timer of a job again that is not due. Its record says first that the message is spent: for a worker that is given it later the
   * job may be due, and what that one has claimed by this message must not lose it.
   */
  async #rearm({ delivery, job }: Candidate, record: JobRecord, lastSeq: number): Promise<void> {
    const isSpent = record.workSeq === delivery.seq;
    await this.#keep({ ...record, workSeq: delivery.seq }, lastSeq, !isSpent);
    await beginWait(this.#services, record, job.address.kind);
    await this.#services.onFailpoint?.('rearm.timer-set', record.id);
    delivery.ack();
  }

  /**
   * Writes the record of a job that goes no further once more before it expires: without it, its message would be a new job.
   * @param isChanged has it written in any case
   */
  async #keep(record: JobRecord, lastSeq: number, isChanged = false): Promise<void> {
    const { broker, eventsMaxAgeMs } = this.#services;
    const nowMs = broker.clock.now();
    const isOld = nowMs - Date.parse(record.updatedAt) > eventsMaxAgeMs / 4;
    const kept = isOld ? { ...record, updatedAt: new Date(nowMs).toISOString() } : record;
    if (isOld || isChanged) await writeEvent(this.#services, kept, lastSeq);
  }
}
