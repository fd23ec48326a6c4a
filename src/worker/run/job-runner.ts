import { type AnyActorLogic, fromPromise } from 'xstate';
import {
  claimedAttempt,
  type JobMachine,
  type JobMachineInput,
  jobMachine,
  nextJobState,
  type RunInput,
  resolveJobState,
} from '../../../machines/index.js';
import type { LastEvent } from '../../broker/broker.js';
import type { Delivery } from '../../broker/consume/delivery.js';
import { ConflictError, JetfleetError } from '../../jobs/errors.js';
import { isoTime } from '../../jobs/iso-time.js';
import { toJobError } from '../../jobs/job-error.js';
import { type JobRecord, pendingRecord } from '../../jobs/job-record.js';
import { isTerminal, type JobState } from '../../jobs/vocabulary.js';
import { type Transition, transitionRecord, withFollowUps } from '../../queue/transition-record.js';
import { type DecodedJob, decodeJob, isFromTimers } from '../../wire/job-message.js';
import { type Candidate, isNamesake, refusalOf, refused, renamed, wasAccepted } from '../claim/candidate.js';
import { type ClaimEvent, claimOfNew, decideClaim } from '../claim/claim.js';
import { type CheckedPayload, PayloadCheck } from '../claim/payload-check.js';
import { refusedRecord, writeRefusal } from '../claim/refusal.js';
import type { RegisteredHandler } from '../job-handler.js';
import { type DeliveryProgress, endUnhandled } from '../lease/delivery-progress.js';
import { JobRun } from './job-run.js';
import { isUnwritable, publishFollowUps, type RunServices, setJobTimer, writeEvent } from './run-services.js';

/** A claim that is not written: the job as it was, and what the claim makes of it. */
interface Draft {
  before: JobRecord;
  record: JobRecord;
  payload: unknown;
  input: () => JobMachineInput;
  event: ClaimEvent;
}

const NAK_MS = 1_000;
const MAX_NAK_MS = 30_000;
/** A handler that begins before its claim is written begins within this time of its delivery, or not so. */
const MAX_EARLY_CHECK_MS = 100;

/** Takes the deliveries of one job type through claim, run and acknowledgement. */
export class JobRunner {
  readonly #services: RunServices;
  readonly #handler: RegisteredHandler;
  readonly #machine: JobMachine;
  /** What is on its way from its delivery to its run, by job id. */
  readonly #taking = new Map<string, Candidate>();
  readonly #payloads: PayloadCheck;

  constructor(services: RunServices, handler: RegisteredHandler) {
    this.#services = services;
    this.#handler = handler;
    this.#payloads = new PayloadCheck(services.broker.known, handler.type, handler.payload);
    this.#machine = jobMachine.provide({ actors: { run: runLogic(services, handler) } });
  }

  /** Handles one delivery to its end. Never throws: what goes wrong here comes again. */
  process(delivery: Delivery, progress: DeliveryProgress): void {
    const { broker, runs, onFailpoint } = this.#services;
    try {
      const job = decodeJob(broker.subjects, delivery);
      const { id } = job.request;
      if (runs.get(id)?.adopt(delivery) || this.#isTaking(id, delivery)) {
        endUnhandled(progress);
        return;
      }
      const candidate = { delivery, job, progress };
      const early = onFailpoint ? undefined : this.#takeEarly(candidate);
      if (early) early.begin();
      else void this.#takeInSteps(candidate);
    } catch (error) {
      this.#handBack(delivery, error);
      endUnhandled(progress);
    }
  }

  /** The same where something is to be waited for before the job can begin. */
  async #takeInSteps(candidate: Candidate): Promise<void> {
    const { id } = candidate.job.request;
    const { onFailpoint } = this.#services;
    this.#taking.set(id, candidate);
    try {
      if (onFailpoint) await onFailpoint('claim.delivered', id);
      const run = (await this.#takeEarlyInTime(candidate)) ?? (await this.#take(candidate));
      // From here on the run tells how far it is.
      if (run) {
        run.begin();
        if (this.#services.isReleasing()) run.release();
        return;
      }
    } catch (error) {
      this.#handBack(candidate.delivery, error);
    } finally {
      if (this.#taking.get(id) === candidate) this.#taking.delete(id);
    }
    endUnhandled(candidate.progress);
  }

  /** What the broker did not do may go well later; what is wrong with the job itself has ended it already. */
  #handBack(delivery: Delivery, error: unknown): void {
    const { subject, seq, deliveryCount } = delivery;
    const { code, message } = toJobError(error);
    this.#services.logger.error({ code, message, subject, seq }, 'cannot take the job; it comes again');
    delivery.nak(this.#services.isReleasing() ? 0 : Math.min(NAK_MS * deliveryCount, MAX_NAK_MS));
  }

  /**
   * Whether this worker is about to claim the job by the same message: a broker that is slow to take the claim hands the
   * message out again meanwhile. To claim it once more would be to take the job over from oneself.
   */
  #isTaking(id: string, delivery: Delivery): boolean {
    const candidate = this.#taking.get(id);
    if (candidate?.delivery.seq !== delivery.seq) return false;
    candidate.delivery = delivery;
    delivery.working();
    return true;
  }

  /**
   * The run of a job that may begin before its claim is durable: nobody else can hold it, since this is the first
   * delivery of the only message that carries it.
   */
  #takeEarly(candidate: Candidate): JobRun | undefined {
    if (!this.#mayBeginEarly(candidate)) return undefined;
    const checked = candidate.checked ?? this.#checkNow(candidate);
    if (!checked || checked.error) return undefined;
    const draft = this.#draft(
      candidate,
      undefined,
      claimOfNew(this.#nowMs(candidate.delivery)),
      checked.payload,
    );
    if (isTerminal(draft.record.status)) return undefined;
    return this.#runOf(candidate, draft);
  }

  #checkNow({ job }: Candidate): CheckedPayload | undefined {
    return job.error ? undefined : this.#payloads.now(job.request.payload);
  }

  /** The same where the schema of the payload has to be waited for. */
  async #takeEarlyInTime(candidate: Candidate): Promise<JobRun | undefined> {
    if (!this.#mayBeginEarly(candidate) || candidate.job.error) return undefined;
    const beganMs = performance.now();
    const { payload } = candidate.job.request;
    candidate.checked = this.#payloads.now(payload) ?? (await this.#payloads.inTime(payload));
    // Meanwhile the message may have been handed out again.
    return performance.now() - beganMs < MAX_EARLY_CHECK_MS ? this.#takeEarly(candidate) : undefined;
  }

  /** @returns the run that the job's claim has led to, or undefined where the delivery is dealt with */
  async #take(candidate: Candidate): Promise<JobRun | undefined> {
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
        // Somebody wrote after what we read: they hold the job, and will settle its message.
        if (read) return undefined;
        mayBeRemoved = true;
        last = await broker.lastEvent(id);
      }
    }
  }

  /**
   * Whether the message is still there. A cleanup removes it before the record of its job, so a job that has neither was
   * removed. Without an acknowledgement the message comes again, should a replica only not have it yet.
   */
  async #isStored({ delivery, job }: Candidate): Promise<boolean> {
    const { read, subjects } = this.#services.broker;
    return (await read.bySequence(subjects.streamName(job.address.kind), delivery.seq)) !== undefined;
  }

  async #decide(candidate: Candidate, last: LastEvent | undefined): Promise<JobRun | undefined> {
    const { delivery, job } = candidate;
    if (last?.record && isNamesake(job, last.record)) return this.#take(renamed(candidate));
    const refusal = refusalOf(job, last?.record, delivery.seq);
    if (refusal) return this.#take(refused(candidate, refusal));
    const { logger } = this.#services;
    const redelivered = delivery.deliveryCount > 1;
    const decision = decideClaim({ seq: delivery.seq, redelivered, last, nowMs: this.#nowMs(delivery) });
    switch (decision.kind) {
      case 'claim':
        return this.#claim(candidate, last, decision.event).catch((error) =>
          this.#refuse(candidate, last, error),
        );
      case 'ended':
        await publishFollowUps(this.#services, decision.record);
        delivery.ack();
        return undefined;
      case 'rearm':
        await this.#rearm(candidate, decision.record, decision.lastSeq).catch((error) =>
          this.#refuse(candidate, last, error),
        );
        return undefined;
      case 'duplicate':
        logger.debug({ jobId: job.request.id, reason: decision.reason }, 'duplicate message dropped');
        delivery.ack();
        return undefined;
      case 'held':
        return undefined;
    }
  }

  async #checked({ job, checked }: Candidate, last: LastEvent | undefined): Promise<CheckedPayload> {
    const { payload } = this.#before(job, last);
    if (checked && payload === job.request.payload) return checked;
    return this.#payloads.now(payload) ?? (await this.#payloads.inTime(payload));
  }

  /** Writes the claim. */
  async #claim(
    candidate: Candidate,
    last: LastEvent | undefined,
    event: ClaimEvent,
  ): Promise<JobRun | undefined> {
    const { job } = candidate;
    if (job.error && !wasAccepted(last)) throw job.error;
    const { payload, error } = await this.#checked(candidate, last);
    if (error && !wasAccepted(last)) throw error;
    const draft = this.#draft(candidate, last, event, payload);
    const { record } = draft;
    if (this.#services.isReleasing()) {
      candidate.delivery.nak();
      return undefined;
    }
    const seq = await writeEvent(this.#services, record, last?.seq ?? 0);
    if (isTerminal(record.status)) {
      await this.#endWithoutRun(candidate.delivery, record);
      return undefined;
    }
    const { onFailpoint } = this.#services;
    if (onFailpoint) await onFailpoint('claim.written', record.id);
    return this.#runOf(candidate, draft, seq);
  }

  /** What a claim makes of the job. */
  #draft(
    { delivery, job }: Candidate,
    last: LastEvent | undefined,
    event: ClaimEvent,
    payload: unknown,
  ): Draft {
    const before = this.#before(job, last);
    const input = () => this.#machineInput(before, payload);
    const { state, context } = this.#next(before, input, event);
    const moved = transitionRecord(before, state, context, this.#facts(delivery));
    const record = isTerminal(moved.status) ? withFollowUps(this.#services.broker.known, moved) : moved;
    return { before, record, payload, input, event };
  }

  #before({ request }: DecodedJob, last: LastEvent | undefined): JobRecord {
    return last?.record ?? pendingRecord(request, this.#handler.maxAttempts);
  }

  /** @param seq of the claim; 0 while it is not written */
  #runOf(
    { delivery, job, progress }: Candidate,
    { before, record, payload, input, event }: Draft,
    seq = 0,
  ): JobRun {
    return new JobRun(this.#services, {
      record,
      seq,
      payload,
      progress,
      kind: job.address.kind,
      from: before.state,
      input,
      event,
      delivery,
      machine: this.#machine,
      handler: this.#handler,
    });
  }

  /** Where the claim leads. The chart is asked only for what is not always the same. */
  #next(
    { state, attempt, maxAttempts, checkpoint }: JobRecord,
    input: () => JobMachineInput,
    event: ClaimEvent,
  ): { state: JobState; context: Transition } {
    const next = claimedAttempt(state, event, { attempt, maxAttempts });
    if (next !== undefined) return { state: 'running', context: { attempt: next, checkpoint } };
    return nextJobState(this.#machine, resolveJobState(state, input(), this.#machine), event);
  }

  #mayBeginEarly({ delivery, job }: Candidate): boolean {
    const { inspection, firstDeliveries, isReleasing } = this.#services;
    const { claim, run } = this.#handler;
    const isOnlyMessage = job.request.isNew === true && job.address.kind === 'jobs';
    const { type, priority } = job.address;
    const isFirst =
      delivery.deliveryCount === 1 &&
      delivery.isFresh &&
      !isFromTimers(delivery) &&
      firstDeliveries.has({ id: job.request.id, seq: delivery.seq, type, priority });
    return (
      claim === 'early' &&
      run.kind === 'function' &&
      isOnlyMessage &&
      isFirst &&
      !isReleasing() &&
      !inspection.applies(job.request.id)
    );
  }

  #machineInput(record: JobRecord, payload: unknown): JobMachineInput {
    const { id, type, attempt, maxAttempts, checkpoint, webhookUrl } = record;
    const timeoutMs = record.timeoutMs ?? this.#handler.timeoutMs;
    return {
      jobId: id,
      type,
      payload,
      attempt,
      maxAttempts,
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(checkpoint !== undefined && { checkpoint }),
      ...(webhookUrl !== undefined && { webhookUrl }),
    };
  }

  /**
   * Ends a job that can never be claimed. It is FAILED with the reason, since its message would else come again for ever.
   * @throws what is no fault of the job, so that a later delivery may do better
   */
  async #refuse(candidate: Candidate, last: LastEvent | undefined, error: unknown): Promise<undefined> {
    if (!isUnwritable(error)) throw error;
    const before = this.#before(candidate.job, last);
    const refused = refusedRecord(
      this.#services.broker.known,
      before,
      error,
      this.#facts(candidate.delivery),
    );
    const { record } = await writeRefusal(this.#services, refused, last?.seq ?? 0);
    const { code, message, problems } = record.error ?? {};
    this.#services.logger.warn({ jobId: record.id, type: record.type, code, problems }, message ?? 'refused');
    await this.#endWithoutRun(candidate.delivery, record);
    return undefined;
  }

  async #endWithoutRun(delivery: Delivery, record: JobRecord): Promise<void> {
    const { onFailpoint } = this.#services;
    if (onFailpoint) await onFailpoint('finish.written', record.id);
    await publishFollowUps(this.#services, record);
    if (onFailpoint) await onFailpoint('finish.followed', record.id);
    delivery.ack();
  }

  /** Sets the timer of a job again that is not due, and keeps its record from expiring meanwhile. */
  async #rearm({ delivery, job }: Candidate, record: JobRecord, lastSeq: number): Promise<void> {
    const nowMs = this.#services.broker.clock.now();
    const ageMs = nowMs - Date.parse(record.updatedAt);
    const kept = { ...record, updatedAt: isoTime(nowMs) };
    if (ageMs > this.#services.eventsMaxAgeMs / 4) await writeEvent(this.#services, kept, lastSeq);
    await setJobTimer(this.#services, record, job.address.kind);
    await this.#services.onFailpoint?.('rearm.timer-set', record.id);
    delivery.ack();
  }

  #facts(delivery: Delivery) {
    return { worker: this.#services.worker, workSeq: delivery.seq, nowMs: this.#nowMs(delivery) };
  }

  /** A message that its timer has just stored is due, and its job starts after that, whatever is known of the time. */
  #nowMs({ timeMs }: Delivery): number {
    return this.#services.broker.clock.notBefore(timeMs);
  }
}

/** The logic that the job chart invokes while it runs: a handler as a promise, or the chart itself. */
function runLogic({ runs }: RunServices, { run }: RegisteredHandler): AnyActorLogic {
  if (run.kind === 'chart') return run.logic;
  return fromPromise(async ({ input }: { input: RunInput }) => {
    const held = runs.get(input.jobId);
    if (!held) throw new JetfleetError('JETFLEET_LEASE_LOST', `job ${input.jobId} is not held any more`);
    return held.run();
  });
}
