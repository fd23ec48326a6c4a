import type { Actor } from 'xstate';
import { failedAttempt, type JobMachine, timeoutError, timeoutOf } from '../../../machines/index.js';
import type { Delivery } from '../../broker/consume/delivery.js';
import { type AbortReason, ConflictError, JetfleetError, JobAborted } from '../../jobs/errors.js';
import { isoTime } from '../../jobs/iso-time.js';
import { thrownError, toJobError } from '../../jobs/job-error.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { type JobOutcome, toOutcome } from '../../jobs/outcome.js';
import { isTerminal, type JobState } from '../../jobs/vocabulary.js';
import { isTaken } from '../../queue/job-add.js';
import type { Transition } from '../../queue/transition-record.js';
import { guardedSignal } from '../../telemetry/guarded-signal.js';
import type { Logger } from '../../telemetry/logger.js';
import type { WorkKind } from '../../wire/subjects.js';
import { refusedRecord, writeRefusal } from '../claim/refusal.js';
import type { JobContext, RegisteredHandler } from '../job-handler.js';
import type { DeliveryProgress } from '../lease/delivery-progress.js';
import type { Leased } from '../lease/lease-keeper.js';
import { ChartPromises } from './chart-promises.js';
import { reportFailure } from './failure-report.js';
import { type ActorClaim, startJobActor } from './job-actor.js';
import { outcomeRecord } from './outcome-record.js';
import { assertResultSize } from './result-size.js';
import { RunContext } from './run-context.js';
import type { Observer } from './run-inspection.js';
import {
  assertNextFree,
  type HeldJob,
  isUnwritable,
  publishFollowUps,
  type RunServices,
  setJobTimer,
  writeEvent,
} from './run-services.js';

/** What a claim hands to a run. */
export interface ClaimedJob extends ActorClaim {
  /** Sequence of the claim: the fence of the next write. 0 while it is not written, and the job has no event. */
  seq: number;
  /** The payload as the type's schema gives it. */
  payload: unknown;
  delivery: Delivery;
  progress: DeliveryProgress;
  kind: WorkKind;
  handler: RegisteredHandler;
}

/**
 * One job in this worker's hands, from its claim to the acknowledgement: its state machine as a root actor, the lease
 * on its message, and the fence around what it writes.
 *
 * An actor costs more than all the rest of a short job. So the actor of a function that nobody watches starts once
 * something else happens than that it completes, which leads to the same record without one (machines/short-path.ts).
 * So does a claim of its own: that of a new job is written once the handler has run for a while, or saves a checkpoint.
 */
export class JobRun implements Leased, HeldJob {
  readonly #services: RunServices;
  readonly #claimed: ClaimedJob;
  readonly context: JobContext;
  // Most jobs end without ever asking for these.
  #logger: Logger | undefined;
  #abort: AbortController | undefined;
  #actor: Actor<JobMachine> | undefined;
  /** Of a chart. */
  #promises: ChartPromises | undefined;
  #isObserved = false;
  /** Of an attempt that runs without its actor: until its claim is due, and then until its time is up. */
  #timer: NodeJS.Timeout | undefined;
  #outcome: Promise<JobOutcome> | undefined;
  #released = false;
  #delivery: Delivery;
  #record: JobRecord;
  #seq: number;
  /** Writes of one job go one after the other: each is fenced by the one before. Undefined until the first. */
  #writes: Promise<unknown> | undefined;
  #begun = false;
  #ended = false;
  #isSlotFree = false;

  constructor(services: RunServices, claimed: ClaimedJob) {
    this.#services = services;
    this.#claimed = claimed;
    this.#delivery = claimed.delivery;
    this.#record = claimed.record;
    this.#seq = claimed.seq;
    this.context = new RunContext(claimed.record, claimed.payload, this);
  }

  get logger(): Logger {
    const { id, type, attempt } = this.#record;
    this.#logger ??= this.#services.logger.child({ jobId: id, type, attempt });
    return this.#logger;
  }

  get record(): JobRecord {
    return this.#record;
  }

  get signal(): AbortSignal {
    return this.#aborting.signal;
  }

  /** Follows its promises as well. */
  #observerOfChart(inspect: Observer | undefined): Observer {
    const promises = new ChartPromises((error) => this.#onListenerFailure(error));
    this.#promises = promises;
    return (event) => {
      promises.observe(event);
      inspect?.(event);
    };
  }

  get #aborting(): AbortController {
    if (this.#abort) return this.#abort;
    this.#abort = new AbortController();
    guardedSignal(this.#abort.signal, (error) => this.#onListenerFailure(error));
    return this.#abort;
  }

  #onListenerFailure(error: unknown): void {
    this.#services.userCode.note('abort listener', error, { jobId: this.#record.id });
  }

  /** Runs the job, until its message is acknowledged, handed back or lost. */
  begin(): void {
    const { leases, runs } = this.#services;
    // What runs for a job finds its run by the id: two of them would write in each other's name.
    runs.get(this.#record.id)?.superseded();
    runs.set(this.#record.id, this);
    leases.add(this);
    this.#begun = true;
    if (this.#needsActor) this.#startObserved();
    else this.#follow();
  }

  get #needsActor(): boolean {
    const { handler, record } = this.#claimed;
    return handler.run.kind === 'chart' || this.#services.inspection.applies(record.id);
  }

  run(): Promise<JobOutcome> {
    this.#outcome ??= this.#runHandler();
    return this.#outcome;
  }

  #runHandler(): Promise<JobOutcome> {
    const { run } = this.#claimed.handler;
    try {
      if (run.kind === 'function') return Promise.resolve(run.handler(this.context)).then(toOutcome);
      throw new JetfleetError('JETFLEET_LEASE_LOST', 'a chart runs in its own actor');
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sees the handler to its end without an actor. */
  #follow(): void {
    this.#startTimer();
    this.run().then(
      (outcome) => (outcome.kind === 'completed' ? this.#complete(outcome) : this.#startActor()),
      () => this.#startActor(),
    );
  }

  #startTimer(): void {
    const { input, handler } = this.#claimed;
    const limitMs = timeoutOf(input());
    const { claimAfterMs } = handler;
    const beginTimeout = (ms: number) => {
      this.#timer = setTimeout(() => this.#outOfTime(), ms);
    };
    if (this.#seq > 0 || limitMs <= claimAfterMs) {
      beginTimeout(limitMs);
      return;
    }
    this.#timer = setTimeout(() => {
      beginTimeout(limitMs - claimAfterMs);
      this.#writeClaim();
    }, claimAfterMs);
  }

  #writeClaim(): void {
    const write = async () => {
      // A checkpoint is a claim as well.
      if (this.#seq > 0 || !this.#begun) return;
      const { onFailpoint } = this.#services;
      const written = async () => onFailpoint?.('claim.written', this.#record.id);
      await this.#append(this.#record).then(written, (error) => this.#refuse(error));
    };
    this.#exclusively(write).catch((error) => this.#giveUp(error));
  }

  #complete(outcome: JobOutcome): void {
    if (this.#actor || !this.#begun) return;
    const { attempt } = this.#record;
    this.#settle('completed', () => ({ attempt, checkpoint: this.#record.checkpoint, outcome }));
  }

  #outOfTime(): void {
    this.#startActor();
    this.#actor?.send({ type: 'TIMEOUT', error: timeoutError(this.#claimed.input()) });
  }

  #startObserved(): void {
    const inspect = this.#services.inspection.observer(this.#record.id);
    this.#isObserved = inspect !== undefined;
    this.#startActor(inspect);
  }

  #startActor(inspect?: Observer): void {
    if (this.#actor || !this.#begun) return;
    const observe = this.#claimed.handler.run.kind === 'chart' ? this.#observerOfChart(inspect) : inspect;
    try {
      this.#actor = startJobActor(this.#claimed, this.#record, {
        onLeft: (state, context) => {
          if (this.#begun) this.#settle(state, () => context);
        },
        onError: (error) => this.#failAttempt(error),
        ...(observe && { inspect: observe }),
      });
    } catch (error) {
      this.#failAttempt(error);
      return;
    }
    if (this.#released && this.#begun) this.#actor.send({ type: 'RELEASE' });
  }

  /** The state machine itself failed, as with a chart that is none: the attempt counts, and keeps the reason. */
  #failAttempt(thrown: unknown): void {
    if (!this.#begun) return;
    const error = thrownError(thrown);
    const { attempt, maxAttempts, checkpoint } = this.#record;
    this.#settle(failedAttempt(error, { attempt, maxAttempts }), () => ({ attempt, checkpoint, error }));
  }

  /** Nobody has to wait for it: a handler that does not is no reason for the process to end. */
  saveCheckpoint(checkpoint: unknown): Promise<void> {
    const saved = this.#saveCheckpoint(checkpoint);
    saved.catch(() => {});
    return saved;
  }

  async #saveCheckpoint(value: unknown): Promise<void> {
    const text = assertResultSize('checkpoint', value);
    // As it is now: the handler may go on to change it.
    const checkpoint: unknown = text === undefined ? undefined : JSON.parse(text);
    await this.#exclusively(async () => {
      this.#abort?.signal.throwIfAborted();
      if (!this.#begun) throw new ConflictError(`the attempt of job ${this.#record.id} has ended already`);
      await this.#append({
        ...this.#record,
        checkpoint,
        updatedAt: isoTime(this.#facts().nowMs),
      });
      await this.#services.onFailpoint?.('run.checkpoint', this.#record.id);
      this.#actor?.send({ type: 'CHECKPOINT', checkpoint });
    });
  }

  /** The same message again: its redelivery crossed a heartbeat. True when this run goes on with it. */
  adopt(delivery: Delivery): boolean {
    if (this.#ended || delivery.seq !== this.#delivery.seq) return false;
    this.#delivery = delivery;
    delivery.working();
    return true;
  }

  heartbeat(): void {
    this.#delivery.working();
  }

  async verify(): Promise<void> {
    await this.#exclusively(async () => {
      if (this.#ended) return;
      const last = await this.#services.broker.lastEvent(this.#record.id);
      // A replica may lag behind what this run wrote itself.
      if (!last || last.seq <= this.#seq) return;
      if (last.record?.state === 'cancelled') this.cancelled(last.seq);
      else this.#lose('another worker took it over in the meantime');
    }).catch((error) => this.logger.warn({ err: error }, 'cannot verify the lease'));
  }

  superseded(): void {
    if (!this.#ended) this.#lose('this worker has claimed it anew');
  }

  /** The record is written already: the handler is stopped, and the message is let go of. */
  cancelled(seq: number): void {
    // An older notice is of an earlier life of the job.
    if (this.#ended || seq <= this.#seq) return;
    this.logger.info('the job was cancelled while it ran');
    this.#cancel('cancelled', 'it was cancelled');
    this.#end();
    this.#letGo().catch((err) => this.logger.warn({ err }, 'the message of a cancelled job comes again'));
  }

  /** Whoever cancelled may have died before what follows was published. */
  async #letGo(): Promise<void> {
    const last = await this.#services.broker.lastEvent(this.#record.id);
    if (!last?.record || !isTerminal(last.record.status)) return;
    await publishFollowUps(this.#services, last.record);
    this.#delivery.ack();
  }

  watched(): void {
    this.#startActor();
    if (!this.#actor) return;
    this.#services.inspection.join(this.#actor, this.#record.id, this.#isObserved);
    this.#isObserved = true;
  }

  /** Hands the job back without using up its attempt; another worker can take it at once. */
  release(): void {
    this.#released = true;
    const hasActor = this.#actor !== undefined;
    this.#cancel('draining', 'the worker shuts down');
    // An attempt that has ended already is only being written.
    if (hasActor && this.#begun) this.#actor?.send({ type: 'RELEASE' });
    else this.#startActor();
  }

  /** Writes what the chart decided, does what follows, and lets go of the message. */
  #settle(state: JobState, context: () => Transition): void {
    this.#leave(state);
    this.#exclusively(() => this.#conclude(state, context())).catch((error) => this.#giveUp(error));
  }

  /** The attempt is over. */
  #leave(state: JobState | 'failed'): void {
    this.#begun = false;
    clearTimeout(this.#timer);
    if (state === 'timed_out') this.#cancel('timeout', 'the attempt ran out of time');
    if (state === 'failed') this.#cancel('lease_lost', 'its record cannot be written');
    this.#freeSlot();
  }

  #conclude(state: JobState, context: Transition): Promise<void> {
    const { onFailpoint } = this.#services;
    if (!onFailpoint) return this.#writeOutcome(state, context);
    const reached = Promise.resolve(onFailpoint('run.ended', this.#record.id));
    return reached.then(() => this.#writeOutcome(state, context));
  }

  #writeOutcome(state: JobState, context: Transition): Promise<void> {
    if (this.#ended) return Promise.resolve();
    const { retry } = this.#claimed.handler;
    const facts = this.#facts();
    const { known } = this.#services.broker;
    const outcome = outcomeRecord(known, this.#record, state, context, retry, facts);
    if (outcome.error) reportFailure(this.logger, outcome, outcome.error);
    const asked = context.outcome?.kind === 'completed' ? (context.outcome.next?.length ?? 0) : 0;
    if (asked === 0 || outcome.state !== 'completed') return this.#writeRecord(outcome);
    return assertNextFree(this.#services, outcome, asked).then(
      () => this.#writeRecord(outcome),
      (error) => {
        if (!isTaken(error)) throw error;
        const refused = { attempt: context.attempt, error: toJobError(error) };
        return this.#writeRecord(outcomeRecord(known, this.#record, 'rejected', refused, retry, facts));
      },
    );
  }

  /** Who runs the job, by which message, and when: no earlier than that was stored. */
  #facts() {
    const { worker, broker } = this.#services;
    const { seq: workSeq, timeMs } = this.#delivery;
    return { worker, workSeq, nowMs: broker.clock.notBefore(timeMs) };
  }

  #writeRecord(outcome: JobRecord): Promise<void> {
    return this.#append(outcome).then(
      () => this.#followThrough(),
      (error) => this.#refuse(error),
    );
  }

  /** Ends the job, with the reason in the place of what can never be written of it. */
  async #refuse(cause: unknown): Promise<void> {
    if (!isUnwritable(cause)) throw cause;
    this.#leave('failed');
    const refused = refusedRecord(this.#services.broker.known, this.#record, cause, this.#facts());
    const { code, message } = refused.error ?? {};
    this.logger.error({ code }, `the job fails, since its record cannot be written: ${message}`);
    const { record, seq } = await writeRefusal(this.#services, refused, this.#seq);
    this.#record = record;
    this.#seq = seq;
    await this.#followThrough();
  }

  #giveUp(error: unknown): void {
    // The job was lost, which is told and done already.
    if (error instanceof ConflictError) return;
    const { code, message } = toJobError(error);
    this.logger.error({ code, message }, 'the record cannot be written; the job comes again');
    // The queue was closed meanwhile. Nobody should wait for the end of the lease.
    if (this.#services.isReleasing()) this.#delivery.nak();
    // Of a claim that cannot be written, the handler still runs.
    if (this.#begun) this.#cancel('lease_lost', 'its record cannot be written');
    this.#end();
  }

  /** Somebody wrote before the claim: mostly a cancellation, after which the message has to go. */
  #letGoUnclaimed(): void {
    if (this.#seq === 0)
      this.#letGo().catch((err) => this.logger.warn({ err }, 'the message of a lost job comes again'));
  }

  /** After the record: the timer or the jobs that follow, then the message. A crash in between repeats the rest. */
  #followThrough(): Promise<void> | undefined {
    const record = this.#record;
    if (record.state === 'queued') {
      this.#delivery.nak();
      this.#end();
      return undefined;
    }
    const isAll = isTerminal(record.status) && !record.next && !this.#services.onFailpoint;
    if (!isAll) return this.#followInSteps(record).then(() => this.#acknowledge());
    this.#acknowledge();
    return undefined;
  }

  async #followInSteps(record: JobRecord): Promise<void> {
    const { onFailpoint } = this.#services;
    if (isTerminal(record.status)) {
      if (onFailpoint) await onFailpoint('finish.written', record.id);
      if (record.next) await publishFollowUps(this.#services, record);
      if (onFailpoint) await onFailpoint('finish.followed', record.id);
    } else {
      if (onFailpoint) await onFailpoint('retry.written', record.id);
      await setJobTimer(this.#services, record, this.#claimed.kind);
      if (onFailpoint) await onFailpoint('retry.timer-set', record.id);
    }
  }

  #acknowledge(): void {
    const { id, state } = this.#record;
    this.#delivery.ack();
    this.#services.logger.debug({ jobId: id, state }, 'job settled');
    this.#end();
  }

  /** @throws ConflictError after letting go of a job that another worker owns */
  #append(record: JobRecord): Promise<void> {
    return writeEvent(this.#services, record, this.#seq).then(
      (seq) => {
        this.#seq = seq;
        this.#record = record;
      },
      (error) => {
        if (error instanceof ConflictError && !this.#ended) {
          this.#lose(`its ${record.state} record came too late`);
          this.#letGoUnclaimed();
        }
        throw error;
      },
    );
  }

  #lose(why: string): void {
    this.logger.warn(
      { code: 'JETFLEET_LEASE_LOST', lastSeq: this.#seq },
      `lost the job: ${why}; the late result is refused`,
    );
    this.#cancel('lease_lost', why);
    this.#end();
  }

  #cancel(reason: AbortReason, why: string): void {
    this.#aborting.abort(new JobAborted(reason, `job ${this.#record.id}: ${why}`));
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#begun = false;
    const { leases, runs } = this.#services;
    leases.end(this);
    if (runs.get(this.#record.id) === this) runs.delete(this.#record.id);
    clearTimeout(this.#timer);
    this.#actor?.stop();
    this.#freeSlot();
    this.#claimed.progress.settled();
  }

  /** Gives the slot to another job: now, or, where the handler was told to stop, once it has ended. */
  #freeSlot(): void {
    if (this.#isSlotFree) return;
    this.#isSlotFree = true;
    const { progress, handler } = this.#claimed;
    const ended = this.#unended;
    if (!ended) {
      progress.handled();
      return;
    }
    const { id, type, attempt } = this.#record;
    this.#services.lingering.add({
      id,
      type,
      attempt,
      signalledAtMs: this.#services.broker.clock.now(),
      ended,
      abandonAfterMs: handler.abandonAfterMs,
      freeSlot: () => progress.handled(),
      logger: this.logger,
    });
  }

  /** What goes on although it was told to stop: a function, or promises of a chart, whose actor has stopped. */
  get #unended(): Promise<unknown> | undefined {
    return this.#promises ? this.#promises.ended : this.#abort?.signal.aborted ? this.#outcome : undefined;
  }

  #exclusively<T>(write: () => Promise<T>): Promise<T> {
    const result = (this.#writes ?? Promise.resolve()).then(write);
    this.#writes = result.catch(() => {});
    return result;
  }
}
