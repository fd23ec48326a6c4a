import { type Actor, createActor } from 'xstate';
import {
  type JobEvent,
  type JobMachine,
  type JobMachineInput,
  type JobSnapshot,
  jobStateOf,
  resolveJobState,
} from '../../machines/index.js';
import type { Delivery } from '../broker/delivery.js';
import { type AbortReason, ConflictError, JetfleetError, JobAborted, toJobError } from '../jobs/errors.js';
import type { JobRecord } from '../jobs/job-record.js';
import { MAX_DELAY_MS } from '../jobs/limits.js';
import { type JobOutcome, toOutcome } from '../jobs/outcome.js';
import { retryDelayMs } from '../jobs/retry-policy.js';
import { isTerminal, type JobState } from '../jobs/vocabulary.js';
import { type Transition, transitionRecord, withFollowUps } from '../queue/transition-record.js';
import type { Logger } from '../telemetry/logger.js';
import type { WorkKind } from '../wire/subjects.js';
import type { JobContext, RegisteredHandler } from './job-handler.js';
import type { Leased } from './lease-keeper.js';
import { assertResultSize } from './result-size.js';
import { RunContext } from './run-context.js';
import {
  type HeldJob,
  publishFollowUps,
  type RunServices,
  setJobTimer,
  writeEvents,
} from './run-services.js';

/** What a claim hands to a run. */
export interface ClaimedJob {
  /** The record of the claim. */
  record: JobRecord;
  /** Whether the record is durable. If not, the handler begins all the same, and the run writes the record. */
  isWritten: boolean;
  /** Sequence of the job's last event, the claim's own once it is written: the fence of the next write. */
  seq: number;
  /** The payload as the type's schema gives it. */
  payload: unknown;
  delivery: Delivery;
  /** Called once the handler has ended and only its outcome is left to write. */
  onHandled: () => void;
  kind: WorkKind;
  machine: JobMachine;
  /** The chart's state before the claim, what it knew then, and the event that the claim stands for. */
  from: JobState;
  input: () => JobMachineInput;
  event: JobEvent;
  handler: RegisteredHandler;
}

/**
 * One job in this worker's hands, from its claim to the acknowledgement: its state machine as a root actor, the lease
 * on its message, and the fence around what it writes.
 */
export class JobRun implements Leased, HeldJob {
  readonly #services: RunServices;
  readonly #claimed: ClaimedJob;
  readonly #finished: Promise<void>;
  #finish: () => void = () => {};
  readonly context: JobContext;
  // Most jobs end without ever asking for these.
  #logger: Logger | undefined;
  #abort: AbortController | undefined;
  #actor: Actor<JobMachine> | undefined;
  #isObserved = false;
  #outcome: Promise<JobOutcome> | undefined;
  #released = false;
  #delivery: Delivery;
  #record: JobRecord;
  #seq: number;
  /** Writes of one job go one after the other: each is fenced by the one before. */
  #writes: Promise<unknown> = Promise.resolve();
  #begun = false;
  #ended = false;

  constructor(services: RunServices, claimed: ClaimedJob) {
    this.#services = services;
    this.#claimed = claimed;
    this.#delivery = claimed.delivery;
    this.#record = claimed.record;
    this.#seq = claimed.seq;
    this.#finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
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

  get #aborting(): AbortController {
    this.#abort ??= new AbortController();
    return this.#abort;
  }

  /** Runs the job; resolves when its message is acknowledged, handed back or lost. */
  begin(): Promise<void> {
    const { leases, runs } = this.#services;
    // What runs for a job finds its run by the id: two of them would write in each other's name.
    runs.get(this.#record.id)?.superseded();
    runs.set(this.#record.id, this);
    leases.add(this);
    this.#begun = true;
    if (this.#claimed.isWritten) this.#startActor();
    else this.#beginEarly();
    return this.#finished;
  }

  run(): Promise<JobOutcome> {
    this.#outcome ??= this.#runHandler();
    return this.#outcome;
  }

  async #runHandler(): Promise<JobOutcome> {
    const { run } = this.#claimed.handler;
    if (run.kind === 'chart') throw new JetfleetError('JETFLEET_LEASE_LOST', 'a chart runs in its own actor');
    return toOutcome(await run.handler(this.context));
  }

  /**
   * Before the claim is written: the handler begins, and at the end of this turn of the event loop the claim is
   * written, together with the outcome if that is known by then. What the chart would make of a job that completes
   * is known without an actor (machines/short-path.ts); every other job gets its actor now.
   */
  #beginEarly(): void {
    let early: JobOutcome | undefined;
    const turnEnded = new Promise<void>((resolve) => setImmediate(resolve));
    // Before the handler begins: what it saves comes after its claim.
    this.#writes = turnEnded.then(() => this.#writeEarly(early)).catch((error) => this.#giveUpEarly(error));
    this.run().then(
      (outcome) => {
        early = outcome;
      },
      () => {},
    );
  }

  async #writeEarly(outcome: JobOutcome | undefined): Promise<void> {
    if (this.#ended) return;
    const { onFailpoint } = this.#services;
    const claim = this.#record;
    if (outcome?.kind !== 'completed' || this.#released) {
      this.#startActor();
      await this.#append(claim);
      if (onFailpoint) await onFailpoint('claim.written', claim.id);
      return;
    }
    this.#begun = false;
    this.#claimed.onHandled();
    const ended = { attempt: claim.attempt, checkpoint: claim.checkpoint, outcome };
    await this.#conclude('completed', ended, claim);
  }

  #startActor(): void {
    const { machine, from, input, event } = this.#claimed;
    const inspect = this.#services.inspection.observer(this.#record.id);
    this.#isObserved = inspect !== undefined;
    const actor = createActor(machine, {
      id: this.#record.id,
      // It goes on from the snapshot, which holds what an input would have given.
      input: undefined,
      snapshot: resolveJobState(from, input(), machine),
      ...(inspect && { inspect }),
    });
    this.#actor = actor;
    let isRunning = false;
    actor.subscribe({
      next: (snapshot) => {
        isRunning ||= jobStateOf(snapshot) === 'running';
        if (isRunning && this.#begun && jobStateOf(snapshot) !== 'running') void this.#settle(snapshot);
      },
      error: (error) => {
        this.logger.error({ err: error }, 'the state machine of the job failed; its lease runs out');
        this.#end();
      },
    });
    actor.start();
    actor.send(event);
    if (this.#released && this.#begun) actor.send({ type: 'RELEASE' });
  }

  async saveCheckpoint(checkpoint: unknown): Promise<void> {
    assertResultSize('checkpoint', checkpoint);
    await this.#exclusively(async () => {
      this.#abort?.signal.throwIfAborted();
      if (!this.#begun) throw new ConflictError(`the attempt of job ${this.#record.id} has ended already`);
      await this.#append({ ...this.#record, checkpoint, updatedAt: new Date().toISOString() });
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
    if (!this.#actor) return;
    this.#services.inspection.join(this.#actor, this.#record.id, this.#isObserved);
    this.#isObserved = true;
  }

  /** Hands the job back without using up its attempt; another worker can take it at once. */
  release(): void {
    this.#released = true;
    // An attempt that has ended already is only being written.
    if (this.#begun) this.#actor?.send({ type: 'RELEASE' });
    this.#cancel('draining', 'the worker shuts down');
  }

  /** Writes what the chart decided, does what follows, and lets go of the message. */
  async #settle(snapshot: JobSnapshot): Promise<void> {
    this.#begun = false;
    this.#claimed.onHandled();
    const state = jobStateOf(snapshot);
    if (state === 'timed_out') this.#cancel('timeout', 'the attempt ran out of time');
    try {
      await this.#exclusively(async () => {
        if (!this.#ended) await this.#conclude(state, snapshot.context);
      });
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** @param claim written along where it is not durable yet */
  async #conclude(state: JobState, context: Transition, claim?: JobRecord): Promise<void> {
    const { onFailpoint } = this.#services;
    if (onFailpoint) await onFailpoint('run.ended', this.#record.id);
    const outcome = this.#outcomeRecord(state, context);
    await (claim ? this.#append(claim, outcome) : this.#append(outcome));
    await this.#followThrough();
    this.#end();
  }

  #giveUp(error: unknown): void {
    // The job was lost, which is told and done already.
    if (error instanceof ConflictError) return;
    this.logger.error({ err: error }, 'the record cannot be written; the lease of the job runs out');
    this.#end();
  }

  /** Somebody wrote before the claim: mostly a cancellation, after which the message has to go. */
  async #giveUpEarly(error: unknown): Promise<void> {
    this.#giveUp(error);
    if (!(error instanceof ConflictError)) return;
    await this.#letGo().catch((err) => this.logger.warn({ err }, 'the message of a lost job comes again'));
  }

  #outcomeRecord(state: JobState, context: Transition): JobRecord {
    try {
      assertResultSize('result', context.outcome?.kind === 'completed' ? context.outcome.result : undefined);
      assertResultSize('checkpoint', context.checkpoint);
      const record = this.#transition(state, context, this.#delayMs(state, context));
      return isTerminal(record.status) ? withFollowUps(record, context.outcome) : record;
    } catch (error) {
      // What the handler returned cannot be kept, so the job fails for good: another attempt would return the same.
      const refused = { attempt: context.attempt, error: toJobError(error) };
      return withFollowUps(this.#transition('rejected', refused));
    }
  }

  #transition(state: JobState, context: Transition, delayMs?: number): JobRecord {
    const workSeq = this.#delivery.seq;
    const facts = { worker: this.#services.worker, workSeq, nowMs: Date.now() };
    return transitionRecord(this.#record, state, context, {
      ...facts,
      ...(delayMs !== undefined && { delayMs }),
    });
  }

  #delayMs(state: JobState, { outcome, attempt, error }: Transition): number | undefined {
    if (state === 'waiting' && outcome?.kind === 'snoozed')
      return Math.min(Math.max(outcome.delayMs, 0), MAX_DELAY_MS);
    if (state !== 'retrying') return undefined;
    return Math.min(retryDelayMs(attempt, this.#claimed.handler.retry, error?.retryAfterMs), MAX_DELAY_MS);
  }

  /** After the record: the timer or the jobs that follow, then the message. A crash in between repeats the rest. */
  async #followThrough(): Promise<void> {
    const record = this.#record;
    if (record.state === 'queued') {
      this.#delivery.nak();
      return;
    }
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
    this.#delivery.ack();
    this.#services.logger.debug({ jobId: record.id, state: record.state }, 'job settled');
  }

  /** @throws ConflictError after letting go of a job that another worker owns */
  async #append(...records: [JobRecord, ...JobRecord[]]): Promise<void> {
    const last = records.at(-1) as JobRecord;
    try {
      this.#seq = await writeEvents(this.#services, records, this.#seq);
      this.#record = last;
    } catch (error) {
      if (error instanceof ConflictError && !this.#ended)
        this.#lose(`its ${last.state} record came too late`);
      throw error;
    }
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
    leases.delete(this);
    if (runs.get(this.#record.id) === this) runs.delete(this.#record.id);
    this.#actor?.stop();
    this.#finish();
  }

  #exclusively<T>(write: () => Promise<T>): Promise<T> {
    const result = this.#writes.then(write);
    this.#writes = result.catch(() => {});
    return result;
  }
}
