import type { Delivery } from '../../broker/consume/delivery.js';
import { ConflictError } from '../../jobs/errors.js';
import { toJobError } from '../../jobs/job-error.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { JobOutcome } from '../../jobs/outcome.js';
import { isTerminal, type JobState } from '../../jobs/vocabulary.js';
import type { Transition } from '../../queue/transition-record.js';
import type { Logger } from '../../telemetry/logger.js';
import type { ClaimedJob } from '../claim/candidate.js';
import type { SettledAttempt } from '../hooks/worker-hooks.js';
import type { JobContext } from '../job-handler.js';
import type { Leased } from '../lease/lease-keeper.js';
import { factsOf, followThrough, isUnwritable, noteTags, writeEvent } from '../outcome/job-writes.js';
import { withStoredResult } from '../outcome/large-result.js';
import { ifNextFree } from '../outcome/next-jobs.js';
import { jsonValue, outcomeRecord, reportFailure } from '../outcome/outcome-record.js';
import { refusedRecord, writeRefusal } from '../outcome/refusal.js';
import type { WatchScope } from '../steps/run-steps.js';
import type { HeldJob, WorkerServices } from '../worker-services.js';
import { Attempt, type AttemptedJob } from './attempt.js';
import { changedMeanwhile } from './changed-meanwhile.js';
import { keepSlot, letGoOfEnded } from './letting-go.js';
import { callerOf } from './limited-call.js';

/** One job in this worker's hands: the lease on its message, its record, and the fence around what is written of it. */
export class JobRun implements Leased, HeldJob, AttemptedJob {
  readonly #services: WorkerServices;
  readonly #claimed: ClaimedJob;
  readonly #attempt: Attempt;
  record: JobRecord;
  // Most jobs end without ever asking for it.
  #logger: Logger | undefined;
  #delivery: Delivery;
  #seq: number;
  /** Writes of one job go one after the other: each is fenced by the one before. */
  #writes: Promise<unknown> = NONE;
  /** The message is answered, or the job is lost. */
  #ended = false;
  #isSlotFree = false;
  #lending: NodeJS.Timeout | undefined;
  #settled: ((state: SettledAttempt['state']) => void) | undefined;

  constructor(services: WorkerServices, claimed: ClaimedJob) {
    this.#services = services;
    this.#claimed = claimed;
    this.#delivery = claimed.delivery;
    this.record = claimed.record;
    this.#seq = claimed.seq;
    this.#attempt = new Attempt(services, claimed, this);
  }

  get logger(): Logger {
    const { id, type, attempt } = this.record;
    this.#logger ??= this.#services.logger.child({ jobId: id, type, attempt });
    return this.#logger;
  }

  get context(): JobContext {
    return this.#attempt.context;
  }

  get signal(): AbortSignal {
    return this.#attempt.signal;
  }

  get isClaimed(): boolean {
    return this.#seq > 0;
  }

  /** See {@link JobContext.limit}. */
  get limit(): JobContext['limit'] {
    return callerOf(this.#services, this);
  }

  /** Runs the job, until its message is acknowledged, handed back or lost. */
  begin(): void {
    const { hooks, leases, runs } = this.#services;
    // What runs for a job finds its run by the id: two of them would write in each other's name.
    runs.get(this.record.id)?.superseded();
    runs.set(this.record.id, this);
    leases.add(this);
    if (hooks.isListening) this.#settled = hooks.claimed(this.context, this, this.#claimed);
    const { slotMs } = this.#claimed.handler;
    if (slotMs !== undefined) this.#lending = setInterval(() => this.#lendSlot(), slotMs);
    this.#attempt.begin();
  }

  /** Tried again where too many go on without a slot. */
  #lendSlot(): void {
    if (this.#claimed.slot.lend()) clearInterval(this.#lending);
  }

  run(): Promise<JobOutcome> {
    return this.#attempt.run();
  }

  writeClaim(): void {
    const write = async () => {
      // A checkpoint is a claim as well.
      if (this.isClaimed || !this.#attempt.isUnderWay) return;
      await this.#write(this.record);
      if (isTerminal(this.record.status)) return this.#followThrough();
      if (this.record.tags) noteTags(this.#services, this.record);
      await this.#services.onFailpoint?.('claim.written', this.record.id);
    };
    this.#exclusively(write).catch((error) => this.#giveUp(error));
  }

  /** Nobody has to wait for it: a handler that does not is no reason for the process to end. */
  saveCheckpoint(checkpoint: unknown): Promise<void> {
    const saved = this.#saveCheckpoint(checkpoint);
    saved.catch(() => {});
    return saved;
  }

  async #saveCheckpoint(value: unknown): Promise<void> {
    const checkpoint = jsonValue('checkpoint', value);
    await this.#exclusively(async () => {
      this.#attempt.assertUnderWay();
      await this.#append({
        ...this.#attempt.record,
        checkpoint,
        updatedAt: new Date(factsOf(this.#services, this.#delivery).nowMs).toISOString(),
      });
      await this.#services.onFailpoint?.('run.checkpoint', this.record.id);
      this.#attempt.onCheckpoint(checkpoint);
    });
  }

  /** The same message again: its redelivery crossed a heartbeat. True when this run goes on with it. */
  adopt(delivery: Delivery): boolean {
    if (this.#ended || delivery.seq !== this.#delivery.seq) return false;
    this.#delivery = delivery;
    delivery.working();
    return true;
  }

  get fence(): number {
    return this.#seq;
  }

  beat(forMs?: number): void {
    if (forMs === undefined) this.#delivery.working();
    else this.#delivery.keepFor(forMs);
  }

  async verify(): Promise<void> {
    await this.#exclusively(async () => {
      if (this.#ended) return;
      const last = await this.#services.broker.lastEvent(this.record.id);
      // A replica may lag behind what this run wrote itself.
      if (!last || last.seq <= this.#seq) return;
      if (last.record?.state === 'cancelled') this.cancelled(last.seq);
      else this.#lose('another worker took it over in the meantime');
    }).catch((error) => this.logger.warn({ err: error }, 'cannot verify the lease'));
  }

  superseded(): void {
    if (!this.#ended) this.#lose('this worker has claimed it once more');
  }

  /** The record is written already: the handler is stopped, and the message is let go of. */
  cancelled(seq: number): void {
    // An older notice is of an earlier life of the job.
    if (this.#ended || seq <= this.#seq) return;
    this.logger.info('the job was cancelled while it ran');
    this.#attempt.stop('cancelled', 'it was cancelled');
    this.#end('cancelled');
    this.#letGo();
  }

  #letGo(): void {
    void letGoOfEnded(this.#services, this.#claimed, () => this.#delivery.ack(), this.logger);
  }

  watched(watch: WatchScope): void {
    this.#attempt.onWatched(watch);
  }

  permitLost(run: string): void {
    // One that this worker had of the job before may hold its own for as long as its handler goes on.
    if (run !== this.#claimed.permits?.run) return;
    this.#attempt.stop('lease_lost', 'its permit was given to others');
  }

  release(): void {
    this.#attempt.release();
  }

  /** Writes what the attempt led to, does what follows, and lets go of the message. */
  onEnd(state: JobState, transition: () => Transition): void {
    this.#claimed.permits?.heed(transition().error?.retryAfterMs);
    this.#leave(state);
    this.#exclusively(() => this.#finish(state, transition())).catch((error) => this.#giveUp(error));
  }

  #leave(state: JobState | 'unwritable'): void {
    this.#attempt.end();
    if (state === 'timed_out') this.#attempt.stop('timeout', 'the attempt ran out of time');
    if (state === 'unwritable') this.#attempt.stop('lease_lost', 'its record cannot be written');
    // What is noted before its outcome takes its time: no more jobs wait for that than there are slots.
    if (!this.#claimed.handler.beforeStored) this.#freeSlot();
  }

  // Thousands of jobs wait at once until their outcomes are stored, so what an async function keeps meanwhile is kept small.
  async #finish(state: JobState, transition: Transition): Promise<void> {
    const { onFailpoint } = this.#services;
    if (onFailpoint) await onFailpoint('run.ended', this.record.id);
    if (this.#attempt.reports) await this.#attempt.reports.flush();
    if (this.#attempt.steps) await this.#attempt.steps.store(state);
    const keeping = withStoredResult(this.#services, this.record, transition);
    const kept = keeping instanceof Promise ? await keeping : keeping;
    if (this.#ended) return;
    const ending = this.#outcome(state, kept);
    const outcome = ending instanceof Promise ? await ending : ending;
    if (outcome.error) reportFailure(this.logger, outcome, outcome.error);
    const { before, handler } = this.#claimed;
    if (handler.beforeStored) {
      const note = (error: unknown) =>
        this.#services.userCode.note('before stored', error, { jobId: outcome.id });
      await handler.beforeStored(outcome, before).catch(note);
      if (this.#ended) return;
      this.#freeSlot();
    }
    await this.#write(outcome);
    await this.#followThrough();
  }

  #outcome(state: JobState, transition: Transition): JobRecord | Promise<JobRecord> {
    const { retry } = this.#claimed.handler;
    const facts = factsOf(this.#services, this.#delivery);
    const { known, sealer } = this.#services.broker;
    const ended = outcomeRecord(known, sealer, this.#attempt.record, state, transition, retry, facts);
    return ifNextFree(this.#services, this.record, this.#attempt.noted(ended), transition, facts);
  }

  /** Writes a record, or, in the place of one that can never be written, that the job has failed, and why. */
  #write(record: JobRecord): Promise<void> {
    return this.#append(record).catch(async (cause) => {
      if (!isUnwritable(cause)) throw cause;
      this.#leave('unwritable');
      const { known } = this.#services.broker;
      const facts = factsOf(this.#services, this.#delivery);
      const refused = refusedRecord(known, this.record, cause, facts);
      const { code, message } = refused.error ?? {};
      this.logger.error({ code }, `the job fails, since its record cannot be written: ${message}`);
      await writeRefusal(known, refused, (each) => this.#append(each));
    });
  }

  #giveUp(error: unknown): void {
    // The job was lost or cancelled, which is reported and done already.
    if (this.#ended) return;
    const { code, message } = toJobError(error);
    this.logger.error({ code, message }, 'the record cannot be written; the job comes again');
    // The queue was closed meanwhile. Nobody should wait for the end of the lease.
    if (this.#services.isReleasing()) this.#delivery.nak();
    // Of a claim that cannot be written, the handler still runs.
    if (this.#attempt.isUnderWay) this.#attempt.stop('lease_lost', 'its record cannot be written');
    this.#end();
  }

  /** After the record: what follows from it, then the message. A crash in between repeats the rest. */
  #followThrough(): Promise<void> | undefined {
    const { state } = this.record;
    if (state === 'queued') {
      this.#delivery.nak();
      this.#end();
      return undefined;
    }
    const acknowledge = () => {
      this.#delivery.ack();
      this.#services.logger.debug({ jobId: this.record.id, state }, 'job acknowledged');
      this.#end();
    };
    const following = followThrough(this.#services, this.record, this.#claimed.kind);
    const released = this.#claimed.permits?.released;
    if (following || released) return Promise.all([following, released]).then(acknowledge);
    acknowledge();
    return undefined;
  }

  /** @throws ConflictError after letting go of a job that another worker owns */
  #append(record: JobRecord, lastSeq = this.#seq): Promise<void> {
    // Thousands of jobs wait here at once: each async function would keep its frame until the broker has answered.
    return writeEvent(this.#services, record, lastSeq).then(
      (seq) => {
        this.#seq = seq;
        this.record = record;
      },
      async (error) => {
        if (error instanceof ConflictError && !this.#ended) {
          const changed = await changedMeanwhile(this.#services.broker, record.id, lastSeq);
          if (changed && !this.#ended) return this.#append({ ...record, ...changed.facts }, changed.seq);
          this.#lose(`its ${record.state} record came too late`);
          // Somebody wrote before the claim: mostly a cancellation, after which the message has to go.
          if (!this.isClaimed) this.#letGo();
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
    this.#attempt.stop('lease_lost', why);
    this.#end();
  }

  #end(state: SettledAttempt['state'] = this.record.state): void {
    if (this.#ended) return;
    this.#ended = true;
    const { leases, runs } = this.#services;
    leases.end(this);
    if (runs.get(this.record.id) === this) runs.delete(this.record.id);
    this.#attempt.close(state === 'cancelled');
    this.#freeSlot();
    this.#claimed.slot.answered();
    this.#settled?.(state === 'running' ? 'lost' : state);
  }

  /** Gives the slot to another job: now, or, where the handler was told to stop, once it has ended. */
  #freeSlot(): void {
    if (this.#isSlotFree) return;
    this.#isSlotFree = true;
    clearInterval(this.#lending);
    const ended = this.#attempt.lingering;
    if (ended) keepSlot(this.#services, this.#claimed, ended, this.record, this.logger);
    else this.#claimed.slot.free();
  }

  #exclusively<T>(write: () => Promise<T>): Promise<T> {
    const result = this.#writes.then(write);
    // Whoever has asked for it hears of its failure.
    this.#writes = result.catch(() => {});
    return result;
  }
}

const NONE = Promise.resolve();
