import { type AnyActorLogic, fromPromise } from 'xstate';
import {
  claimedAttempt,
  type JobMachine,
  type JobMachineInput,
  jobMachine,
  nextJobState,
  type RunInput,
  resolveJobState,
} from '../../machines/index.js';
import type { LastEvent } from '../broker/broker.js';
import type { Delivery } from '../broker/delivery.js';
import { SlotMap } from '../broker/slots.js';
import { ConflictError, JetfleetError, toJobError, ValidationError } from '../jobs/errors.js';
import { namesakeId, sequenceOf } from '../jobs/job-id.js';
import { type JobRecord, pendingRecord } from '../jobs/job-record.js';
import { parsePayload } from '../jobs/validation.js';
import { isTerminal, type JobState } from '../jobs/vocabulary.js';
import { type Transition, transitionRecord, withFollowUps } from '../queue/transition-record.js';
import { type DecodedJob, decodeJob, isScheduled } from '../wire/job-message.js';
import { type ClaimEvent, claimOfNew, decideClaim } from './claim.js';
import { type DeliveryProgress, endUnhandled } from './delivery-progress.js';
import type { RegisteredHandler } from './job-handler.js';
import { JobRun } from './job-run.js';
import { publishFollowUps, type RunServices, setJobTimer, writeEvents } from './run-services.js';

/** A delivered job, read and looked up. */
interface Candidate {
  delivery: Delivery;
  job: DecodedJob;
  progress: DeliveryProgress;
}

/** A claim that is not written: the job as it was, and what the claim makes of it. */
interface Draft {
  before: JobRecord;
  record: JobRecord;
  payload: unknown;
  input: () => JobMachineInput;
  event: ClaimEvent;
}

const NAK_MS = 1_000;

/** Takes the deliveries of one job type through claim, run and acknowledgement. */
export class JobRunner {
  readonly #services: RunServices;
  readonly #handler: RegisteredHandler;
  readonly #machine: JobMachine;
  /** What is on its way from its delivery to its run, by job id. */
  readonly #taking = new SlotMap<Candidate>();

  constructor(services: RunServices, handler: RegisteredHandler) {
    this.#services = services;
    this.#handler = handler;
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
      let run: JobRun | undefined;
      if (onFailpoint) {
        await onFailpoint('claim.delivered', id);
        run = this.#takeEarly(candidate);
      }
      run ??= await this.#take(candidate);
      // From here on the run tells how far it is.
      if (run) return run.begin();
    } catch (error) {
      this.#handBack(candidate.delivery, error);
    } finally {
      if (this.#taking.get(id) === candidate) this.#taking.delete(id);
    }
    endUnhandled(candidate.progress);
  }

  #handBack(delivery: Delivery, err: unknown): void {
    const { subject, seq } = delivery;
    this.#services.logger.error({ err, subject, seq }, 'cannot take the job; it comes again');
    delivery.nak(NAK_MS);
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
    const draft = this.#draft(candidate, undefined, claimOfNew(Date.now()));
    if (draft instanceof ValidationError || isTerminal(draft.record.status)) return undefined;
    return this.#runOf(candidate, draft);
  }

  /** @returns the run that the job's claim has led to, or undefined where the delivery is dealt with */
  async #take(candidate: Candidate): Promise<JobRun | undefined> {
    const { broker } = this.#services;
    const { delivery, job } = candidate;
    const id = job.request.id;
    const mayHaveHistory = delivery.deliveryCount > 1 || isScheduled(delivery);
    let last = mayHaveHistory ? await broker.lastEvent(id) : undefined;
    for (let read = mayHaveHistory; ; read = true) {
      try {
        return await this.#decide(candidate, last);
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        // Somebody wrote after what we read: they hold the job, and will settle its message.
        if (read) return undefined;
        last = await broker.lastEvent(id);
      }
    }
  }

  async #decide(candidate: Candidate, last: LastEvent | undefined): Promise<JobRun | undefined> {
    const { delivery, job } = candidate;
    if (last?.record && isNamesake(job, last.record)) return this.#take(renamed(candidate));
    const { logger } = this.#services;
    const redelivered = delivery.deliveryCount > 1;
    const decision = decideClaim({ seq: delivery.seq, redelivered, last, nowMs: Date.now() });
    switch (decision.kind) {
      case 'claim':
        return this.#claim(candidate, last, decision.event);
      case 'ended':
        await publishFollowUps(this.#services, decision.record);
        delivery.ack();
        return undefined;
      case 'rearm':
        await this.#rearm(candidate, decision.record, decision.lastSeq);
        return undefined;
      case 'duplicate':
        logger.debug({ jobId: job.request.id, reason: decision.reason }, 'duplicate message dropped');
        delivery.ack();
        return undefined;
      case 'held':
        return undefined;
    }
  }

  /** Writes the claim. */
  async #claim(
    candidate: Candidate,
    last: LastEvent | undefined,
    event: ClaimEvent,
  ): Promise<JobRun | undefined> {
    const draft = this.#draft(candidate, last, event);
    if (draft instanceof ValidationError) {
      await this.#reject(candidate, last, draft);
      return undefined;
    }
    const { record } = draft;
    const { seq } = await writeEvents(this.#services, [record], last?.seq ?? 0);
    if (isTerminal(record.status)) {
      await this.#endWithoutRun(candidate.delivery, record);
      return undefined;
    }
    const { onFailpoint } = this.#services;
    if (onFailpoint) await onFailpoint('claim.written', record.id);
    return this.#runOf(candidate, draft, seq);
  }

  /** What a claim makes of the job, or why a new job cannot be claimed. */
  #draft(
    { delivery, job }: Candidate,
    last: LastEvent | undefined,
    event: ClaimEvent,
  ): Draft | ValidationError {
    const before = last?.record ?? pendingRecord(job.request, this.#handler.maxAttempts);
    const { payload, error } = this.#checkPayload(job, before);
    if (error && before.status === 'pending') return error;

    const input = () => this.#machineInput(before, payload);
    const { state, context } = this.#next(before, input, event);
    const moved = transitionRecord(before, state, context, this.#facts(delivery));
    const record = isTerminal(moved.status) ? withFollowUps(moved) : moved;
    return { before, record, payload, input, event };
  }

  /** @param seq of the claim; undefined while it is not written */
  #runOf(
    { delivery, job, progress }: Candidate,
    { before, record, payload, input, event }: Draft,
    seq?: number,
  ): JobRun {
    return new JobRun(this.#services, {
      record,
      isWritten: seq !== undefined,
      seq: seq ?? 0,
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
    const { inspection, firstDeliveries } = this.#services;
    const { claim, run } = this.#handler;
    const isOnlyMessage = job.request.isNew === true && job.address.kind === 'jobs';
    const { type, priority } = job.address;
    const isFirst =
      delivery.deliveryCount === 1 &&
      !isScheduled(delivery) &&
      firstDeliveries.has({ seq: delivery.seq, type, priority });
    return (
      claim === 'early' &&
      run.kind === 'function' &&
      isOnlyMessage &&
      isFirst &&
      !inspection.applies(job.request.id)
    );
  }

  /** A job that was accepted once keeps running on what it holds, even if a new version would refuse it. */
  #checkPayload(job: DecodedJob, before: JobRecord): { payload: unknown; error?: ValidationError } {
    if (job.error) return { payload: null, error: job.error };
    const { type, payload: schema } = this.#handler;
    if (!schema) return { payload: before.payload };
    try {
      return { payload: parsePayload(type, schema, before.payload) };
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      return { payload: before.payload, error };
    }
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

  async #reject(candidate: Candidate, last: LastEvent | undefined, error: ValidationError): Promise<void> {
    const before = last?.record ?? pendingRecord(candidate.job.request, this.#handler.maxAttempts);
    const info = toJobError(error);
    const context = { attempt: before.attempt, checkpoint: before.checkpoint, error: info };
    const facts = this.#facts(candidate.delivery);
    const record = withFollowUps(transitionRecord(before, 'rejected', context, facts));
    await writeEvents(this.#services, [record], last?.seq ?? 0);
    this.#services.logger.warn(
      { jobId: record.id, type: record.type, code: info.code, problems: info.problems },
      info.message,
    );
    await this.#endWithoutRun(candidate.delivery, record);
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
    const ageMs = Date.now() - Date.parse(record.updatedAt);
    const kept = { ...record, updatedAt: new Date().toISOString() };
    if (ageMs > this.#services.eventsMaxAgeMs / 4) await writeEvents(this.#services, [kept], lastSeq);
    await setJobTimer(this.#services, record, job.address.kind);
    await this.#services.onFailpoint?.('rearm.timer-set', record.id);
    delivery.ack();
  }

  #facts(delivery: Delivery) {
    return { worker: this.#services.worker, workSeq: delivery.seq, nowMs: Date.now() };
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

/**
 * Whether a job that was published without an id meets the record of an older one under its number: the stream was
 * deleted and made again, and counts from 1 once more.
 */
function isNamesake({ request, bare }: DecodedJob, record: JobRecord): boolean {
  return bare && sequenceOf(request.id) !== undefined && record.createdAt !== request.createdAt;
}

/** The job under an id of its own. */
function renamed(candidate: Candidate): Candidate {
  const { delivery, job } = candidate;
  const id = namesakeId(job.request.id, delivery.timeMs);
  return {
    ...candidate,
    job: { ...job, request: { ...job.request, id }, address: { ...job.address, id } },
  };
}
