import { setTimeout as delay } from 'node:timers/promises';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import { JetfleetError } from '../../jobs/errors.js';
import type { ChildEnd, FlowJobs } from '../../jobs/flow.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { MAX_DELAY_MS } from '../../jobs/limits.js';
import type { JobOutcome } from '../../jobs/outcome.js';
import {
  type AwaitedGroup,
  type AwaitedSignal,
  assertFewWaits,
  assertSignalName,
  checkSignalOptions,
  readSignal,
  type SignalOptions,
  type WaitsFor,
} from '../../jobs/signals.js';
import type { SignalAddress } from '../../wire/signal-subjects.js';
import type { ChildJob, ChildrenOptions } from '../child-job.js';
import type { WorkerServices } from '../worker-services.js';
import { runChildren, type WaitHost } from './child-waits.js';
import { resultsBefore } from './flow-results.js';
import { runFlow } from './run-flow.js';

/**
 * A wait ends so much after its time, by the clock of the broker as this process knows it: what was stored in time counts, and must
 * be seen by then.
 */
const AFTER_END_MS = 100;
/** A job may begin 200 ms before it is due. */
const DUE_AFTER_END_MS = AFTER_END_MS + 200;
const READ_AGAIN_MS = 20;

/** Thrown in a handler that has to wait. Its worker ends the run, and the handler is run again once what it waits for has come. */
function hibernating(id: string, what: string): JetfleetError {
  const why = `job ${id} waits for ${what}; its handler runs again from its beginning when that has come, so do not catch this error`;
  return new JetfleetError('JETFLEET_HIBERNATING', why);
}

/** The job of one run. */
export interface WaitingJob {
  readonly record: JobRecord;
  readonly signal: AbortSignal;
}

/** What one run of a handler has got of a signal's name. */
interface NameInRun {
  calls: number;
  /** Messages that this run was given. */
  taken: number;
  /** Each call looks only when the one before has its answer. */
  last: Promise<unknown>;
}

/**
 * What one run of a job waits for. SIGNALS itself remembers what earlier runs were given: the first call for a name gets the first
 * signal of that name, in every run. When a wait with a timeout ends stands on the record (`waits`).
 */
export class JobWaits {
  readonly #services: WorkerServices;
  readonly #job: WaitingJob;
  readonly #names = new Map<string, NameInRun>();
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #signals: AwaitedSignal[] = [];
  readonly #groups: AwaitedGroup[] = [];
  #childCalls = 0;
  /** When waits end that began in this run, by name and number. */
  readonly #waits: Record<string, string> = {};
  #dueMs: number | undefined;
  #isWaiting = false;

  constructor(services: WorkerServices, job: WaitingJob) {
    this.#services = services;
    this.#job = job;
  }

  /** @throws JetfleetError `JETFLEET_HIBERNATING` when the signal has not come */
  signal(name: string, options: SignalOptions = {}): Promise<unknown> {
    assertSignalName(name);
    checkSignalOptions(options);
    const ofName = this.#names.get(name) ?? { calls: 0, taken: 0, last: Promise.resolve() };
    this.#names.set(name, ofName);
    const deadline = `${name}#${ofName.calls++}`;
    const look = () => this.#look(name, ofName, deadline, options);
    const looked = ofName.last.then(look, look);
    ofName.last = looked;
    return this.#follow(looked);
  }

  /** Adds children, and waits for them. @throws JetfleetError `JETFLEET_HIBERNATING` until they have ended */
  children(list: readonly ChildJob[], options: ChildrenOptions = {}): Promise<ChildEnd[]> {
    const call = this.#childCalls++;
    return this.#follow(runChildren(this.#host, call, list, options));
  }

  /** Runs the jobs of a flow, as their parent. */
  flow(jobs: FlowJobs): Promise<unknown> {
    return this.#follow(runFlow(this.#host, jobs));
  }

  /** How the jobs of its flow ended that the job runs after. */
  results(): Promise<Record<string, ChildEnd>> {
    return resultsBefore(this.#services.broker, this.#job.record);
  }

  get #host(): WaitHost {
    const job = this.#job;
    return {
      services: this.#services,
      signal: job.signal,
      record: job.record,
      waitForGroups: (groups, what) => {
        this.#isWaiting = true;
        this.#groups.push(...groups);
        throw hibernating(job.record.id, what);
      },
    };
  }

  /** A handler may go on, or end, without what it has asked for. */
  #follow<T>(work: Promise<T>): Promise<T> {
    const ended: Promise<unknown> = work.catch(() => {}).finally(() => this.#underWay.delete(ended));
    this.#underWay.add(ended);
    return work;
  }

  async #look(
    name: string,
    ofName: NameInRun,
    deadline: string,
    { timeoutMs }: SignalOptions,
  ): Promise<unknown> {
    const { broker } = this.#services;
    const { id, waits } = this.#job.record;
    const end = waits?.[deadline];
    const endMs = end === undefined ? Number.POSITIVE_INFINITY : Date.parse(end);
    const address = { jobId: id, name };
    await broker.signals.stream.open();
    const isOver = broker.clock.now() >= endMs + AFTER_END_MS;
    const stored = await (isOver ? this.#allOf(address) : broker.signals.signalsOf(address));
    const signal = this.#nth(stored, ofName.taken);
    if (signal && signal.timeMs <= endMs) {
      ofName.taken++;
      return broker.sealer.open(signal.data, { type: '', field: 'signal' });
    }
    if (isOver) return undefined;
    this.#signals.push({ name, after: stored.at(-1)?.seq ?? 0 });
    this.#hibernate(deadline, end === undefined ? timeoutMs : undefined, endMs);
    throw hibernating(id, `the signal ${name}`);
  }

  /** What a replica lacks is as good as not there, except where its lack would end a wait. */
  async #allOf(address: SignalAddress): Promise<StoredMessage[]> {
    const { signals } = this.#services.broker;
    for (;;) {
      const stored = await signals.signalsOf(address);
      if ((stored.at(-1)?.seq ?? 0) >= (await signals.lastSignal(address))) return stored;
      await delay(READ_AGAIN_MS);
    }
  }

  /** What is no JSON is no signal. */
  #nth(stored: readonly StoredMessage[], place: number): { data: unknown; timeMs: number } | undefined {
    let left = place;
    for (const { data, timeMs } of stored) {
      const signal = readSignal(data);
      if (signal && left-- === 0) return { ...signal, timeMs };
    }
    return undefined;
  }

  #hibernate(deadline: string, timeoutMs: number | undefined, knownEndMs: number): void {
    const { broker } = this.#services;
    this.#isWaiting = true;
    let endMs = knownEndMs;
    if (timeoutMs !== undefined) {
      assertFewWaits({ ...this.#job.record.waits, ...this.#waits });
      endMs = broker.clock.now() + timeoutMs;
      this.#waits[deadline] = new Date(endMs).toISOString();
    }
    if (Number.isFinite(endMs)) this.#dueMs = Math.min(this.#dueMs ?? endMs, endMs);
  }

  /**
   * What the run has come to, once its handler has ended: it hibernates where the handler came to a wait, whatever the handler made of that.
   */
  async outcome(ended: () => JobOutcome): Promise<JobOutcome> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    if (!this.#isWaiting) return ended();
    const dueMs = this.#dueMs === undefined ? Number.POSITIVE_INFINITY : this.#dueMs + DUE_AFTER_END_MS;
    const delayMs = Math.min(Math.max(dueMs - this.#services.broker.clock.now(), 0), MAX_DELAY_MS);
    return { kind: 'snoozed', delayMs: Math.ceil(delayMs) };
  }

  /** The record with what the run waits for, and that signals were used, so that they are removed with the job. */
  noted(record: JobRecord): JobRecord {
    const waits = { ...record.waits, ...this.#waits };
    if (record.state !== 'waiting' || !this.#isWaiting) return { ...record, waits };
    const waitsFor: WaitsFor = {
      ...(this.#signals.length > 0 && { signals: this.#signals }),
      ...(this.#groups.length > 0 && { groups: this.#groups }),
    };
    return { ...record, waits, waitsFor };
  }
}
