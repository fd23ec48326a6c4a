import type { Actor } from 'xstate';
import {
  failedAttempt,
  type JobMachine,
  nextJobState,
  resolveJobState,
  timeoutError,
  timeoutOf,
} from '../../../machines/index.js';
import { type AbortReason, JetfleetError, JobAborted } from '../../jobs/errors.js';
import { thrownError } from '../../jobs/job-error.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { type JobOutcome, toOutcome } from '../../jobs/outcome.js';
import type { JobState } from '../../jobs/vocabulary.js';
import type { Transition } from '../../queue/transition-record.js';
import { guardedSignal } from '../../telemetry/guarded-signal.js';
import type { ClaimedJob } from '../claim/candidate.js';
import type { JobHandler } from '../job-handler.js';
import { JobReports } from '../reports/job-reports.js';
import type { Observer, RunSteps, WatchScope } from '../steps/run-steps.js';
import { JobWaits } from '../waiting/job-waits.js';
import type { WorkerServices } from '../worker-services.js';
import { ChartPromises } from './chart-promises.js';
import { endedAttempt, HandlerContext, type RunningJob } from './handler-context.js';
import { machineInput, startJobActor } from './job-actor.js';

/** The job that an attempt is made for. */
export interface AttemptedJob extends RunningJob {
  readonly isClaimed: boolean;
  readonly fence: number;
  writeClaim(): void;
  /** The attempt is over, and led to `state` with what `transition` gives once all of it is written. */
  onEnd(state: JobState, transition: () => Transition): void;
}

/**
 * One attempt at a job: its handler at work, from its begin to its end. An actor costs more than all the rest of a short job, so
 * that of a function which nobody watches starts once something else happens than that it completes (machines/short-path.ts).
 */
export class Attempt {
  readonly context: HandlerContext;
  isUnderWay = false;
  readonly #services: WorkerServices;
  readonly #claimed: ClaimedJob;
  readonly #job: AttemptedJob;
  // Most jobs end without ever asking for these.
  #aborting: AbortController | undefined;
  #actor: Actor<JobMachine> | undefined;
  #promises: ChartPromises | undefined;
  #isReleased = false;
  /** Of an attempt that runs without its actor: until its claim is due, and then until its time is up. */
  #timer: NodeJS.Timeout | undefined;
  #outcome: Promise<JobOutcome> | undefined;
  /** Hooks have not begun its chart yet. */
  #isHeld = false;
  /** For the hooks around a chart. */
  #onOver: (() => void) | undefined;
  /** What its handler has reported, if it has. */
  reports: JobReports | undefined;
  /** What its machines do, where somebody sees it. */
  steps: RunSteps | undefined;
  #waits: JobWaits | undefined;

  constructor(services: WorkerServices, claimed: ClaimedJob, job: AttemptedJob) {
    this.#services = services;
    this.#claimed = claimed;
    this.#job = job;
    this.context = new HandlerContext(claimed.record, claimed.payload, job, {
      reports: () => this.#openReports(),
      leases: services.leases,
      waits: () => this.waits,
    });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get waits(): JobWaits {
    this.#waits ??= new JobWaits(this.#services, this.#job);
    return this.#waits;
  }

  get #abort(): AbortController {
    if (this.#aborting) return this.#aborting;
    this.#aborting = new AbortController();
    guardedSignal(this.#aborting.signal, (error) => this.#onListenerFailure(error));
    return this.#aborting;
  }

  /** What goes on although it was told to stop: a function, or promises of a chart, whose actor has stopped. */
  get lingering(): Promise<unknown> | undefined {
    if (this.#promises) return this.#promises.ended;
    return this.#aborting?.signal.aborted ? this.#outcome : undefined;
  }

  begin(): void {
    this.isUnderWay = true;
    const isChart = this.#claimed.handler.run.kind === 'chart';
    this.steps = this.#services.watchers.begin(this.#job, isChart);
    if (!isChart && !this.steps) this.#follow();
    else if (isChart && this.#services.hooks.isAround) this.#hold();
    else this.#startActor();
  }

  run(): Promise<JobOutcome> {
    this.#outcome ??= this.#runHandler();
    return this.#outcome;
  }

  #runHandler(): Promise<JobOutcome> {
    const { run } = this.#claimed.handler;
    try {
      if (run.kind === 'function') {
        const { handler } = run;
        const { hooks } = this.#services;
        const running = hooks.isAround
          ? hooks.wrap(this.context, () => this.#begun(handler))
          : Promise.resolve(handler(this.context));
        return running.then(
          (returned) => this.#ended(() => toOutcome(returned)),
          (error) =>
            this.#ended(() => {
              throw error;
            }),
        );
      }
      throw new JetfleetError('JETFLEET_LEASE_LOST', 'a chart runs in its own actor');
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Has hooks begin a chart. */
  #hold(): void {
    this.#isHeld = true;
    const over = new Promise<void>((resolve) => {
      this.#onOver = resolve;
    });
    const start = () => {
      this.#isHeld = false;
      this.#startActor();
      return over;
    };
    void this.#services.hooks.wrap(this.context, start);
  }

  /** Hooks may begin a handler late. */
  async #begun(handler: JobHandler): Promise<unknown> {
    this.assertUnderWay();
    return handler(this.context);
  }

  #ended(outcome: () => JobOutcome): JobOutcome | Promise<JobOutcome> {
    return this.#waits ? this.#waits.outcome(outcome) : outcome();
  }

  /** The record of the outcome, with what the handler waits for. */
  noted(record: JobRecord): JobRecord {
    return this.#waits ? this.#waits.noted(record) : record;
  }

  /** Sees the handler to its end without an actor. */
  #follow(): void {
    this.#startTimer();
    this.run().then(
      (outcome) => (outcome.kind === 'completed' ? this.#complete(outcome) : this.#startActor()),
      () => this.#startActor(),
    );
  }

  get #limits(): { timeoutMs: number | undefined } {
    const { before, handler } = this.#claimed;
    return { timeoutMs: before.timeoutMs ?? handler.timeoutMs };
  }

  #startTimer(): void {
    const limitMs = timeoutOf(this.#limits);
    const { claimAfterMs } = this.#claimed.handler;
    const beginTimeout = (ms: number) => {
      this.#timer = setTimeout(() => this.#outOfTime(), ms);
    };
    if (this.#job.isClaimed || limitMs <= claimAfterMs) {
      beginTimeout(limitMs);
      return;
    }
    this.#timer = setTimeout(() => {
      beginTimeout(limitMs - claimAfterMs);
      this.#job.writeClaim();
    }, claimAfterMs);
  }

  #complete(outcome: JobOutcome): void {
    if (this.#actor || !this.isUnderWay) return;
    const { attempt } = this.#job.record;
    const { checkpoint } = outcome;
    this.#job.onEnd('completed', () => ({
      attempt,
      checkpoint: checkpoint === undefined ? this.#job.record.checkpoint : checkpoint,
      outcome,
    }));
  }

  #outOfTime(): void {
    this.#startActor();
    this.#actor?.send({ type: 'TIMEOUT', error: timeoutError(this.#limits) });
  }

  #startActor(): void {
    if (this.#actor || !this.isUnderWay || this.#isHeld) return;
    const inspect = this.steps?.observe;
    const observe = this.#claimed.handler.run.kind === 'chart' ? this.#observerOfChart(inspect) : inspect;
    try {
      this.#actor = startJobActor(this.#claimed, this.#job.record, {
        onLeft: (state, context) => {
          if (this.isUnderWay) this.#job.onEnd(state, () => context);
        },
        onError: (error) => this.#fail(error),
        ...(observe && { inspect: observe }),
      });
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (this.#isReleased && this.isUnderWay) this.#actor.send({ type: 'RELEASE' });
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

  #onListenerFailure(error: unknown): void {
    this.#services.userCode.note('abort listener', error, { jobId: this.#job.record.id });
  }

  /** The state machine itself failed, as with a chart that is none: the attempt counts, and keeps the reason. */
  #fail(thrown: unknown): void {
    if (!this.isUnderWay) return;
    const error = thrownError(thrown);
    const { attempt, maxAttempts, checkpoint } = this.#job.record;
    const state = failedAttempt(error, { attempt, maxAttempts });
    this.#job.onEnd(state, () => ({ attempt, checkpoint, error }));
  }

  /** @throws JobAborted, ConflictError unless the attempt goes on, and may still leave something behind */
  assertUnderWay(): void {
    this.#aborting?.signal.throwIfAborted();
    if (!this.isUnderWay) throw endedAttempt(this.#job.record.id);
  }

  /** The record of the job with what its handler has reported. */
  get record(): JobRecord {
    const { record } = this.#job;
    return this.reports?.onRecord(record) ?? record;
  }

  #openReports(): JobReports | undefined {
    if (!this.isUnderWay) return undefined;
    this.reports ??= new JobReports(this.#services.broker, this.#job);
    return this.reports;
  }

  onCheckpoint(checkpoint: unknown): void {
    this.#actor?.send({ type: 'CHECKPOINT', checkpoint });
  }

  onWatched(watch: WatchScope): void {
    this.#startActor();
    if (!this.#actor) return;
    this.steps = this.#services.watchers.join({ run: this.#job, actor: this.#actor, watch }, this.steps);
  }

  /** Hands the job back without using up its attempt. */
  release(): void {
    this.#isReleased = true;
    const hasActor = this.#actor !== undefined;
    this.stop('draining', 'the worker shuts down');
    // An attempt that has ended already is only being written.
    if (hasActor && this.isUnderWay) this.#actor?.send({ type: 'RELEASE' });
    else if (this.#isHeld) this.#releaseHeld();
    else this.#startActor();
  }

  #releaseHeld(): void {
    const { attempt, checkpoint } = this.#job.record;
    const { machine } = this.#claimed;
    const running = resolveJobState(
      'running',
      { ...machineInput(this.#claimed), attempt, checkpoint },
      machine,
    );
    const { state, context } = nextJobState(machine, running, { type: 'RELEASE' });
    this.#job.onEnd(state, () => context);
  }

  stop(reason: AbortReason, why: string): void {
    this.#abort.abort(new JobAborted(reason, `job ${this.#job.record.id}: ${why}`));
  }

  /** Its outcome is known: nothing of it may come later. */
  end(): void {
    this.isUnderWay = false;
    clearTimeout(this.#timer);
    this.#onOver?.();
  }

  /** @param isCancelled somebody else has written its end: what its handler has reported until then is still stored */
  close(isCancelled: boolean): void {
    this.end();
    if (this.reports) void this.reports.close(isCancelled);
    this.#actor?.stop();
    if (isCancelled) void this.steps?.store('cancelled');
    this.steps?.release();
  }
}
