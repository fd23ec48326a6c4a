import type { AddOptions, JobDefinition, JobTypes } from '../jobs/define-job.js';
import { defined } from '../jobs/defined.js';
import { ConflictError, invalidOption, JetfleetError } from '../jobs/errors.js';
import { excerptOf } from '../jobs/excerpt.js';
import { assertJobId } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import { textField } from '../jobs/text-field.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { Ledger } from '../money/ledger.js';
import type { Added } from '../queue/job-add.js';
import { findJob } from '../queue/job-lookup.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import { wakeWaiting } from '../queue/waiting/wake.js';
import { costOfJob, type JobCost } from './instance-costs.js';
import { createInstance, deleteInstance, monitorInstance } from './jobs.js';
import {
  autoStop,
  checkInstance,
  extendLease,
  keepLease,
  migrateInstance,
  restartInstance,
  startInstance,
  stopInstance,
  USED,
  watchInstance,
} from './lifecycle-jobs.js';
import {
  type DeletedOrphan,
  type DeleteOrphansOptions,
  deleteOrphans,
  findOrphans,
  type OrphanOptions,
  type OrphanReport,
} from './orphans.js';
import { type ReconcileOptions, type Reconciliation, reconcile } from './reconcile.js';
import { type Rented, rentedBy } from './rented.js';
import type {
  AutoStopPayload,
  CheckInstancePayload,
  ExtendLeasePayload,
  MigrateInstancePayload,
  OrderInstancePayload,
  WatchInstancePayload,
} from './schemas.js';

/** An instance, by its ids. */
export interface InstanceAddress {
  /** The caller's own. */
  instanceId: string;
  /** The provider's. */
  novitaInstanceId: string;
  /** The job that rented it. */
  createJobId?: string;
}

type About<P> = AddOptions & Omit<P, 'instanceId' | 'novitaInstanceId' | 'createJobId'>;
/** What jobs of an instance take besides it: the options of a job, and those of its payload. */
export type OrderOptions = About<OrderInstancePayload>;
export type MigrateOptions = About<MigrateInstancePayload>;
export type CheckOptions = About<CheckInstancePayload>;
export type DeleteOptions = AddOptions;
export type WatchOptions = About<WatchInstancePayload>;
export type AutoStopOptions = About<AutoStopPayload>;
export type ExtendLeaseOptions = About<ExtendLeasePayload>;

/**
 * `queue.instances`: jobs of instances that exist. An instance is named by a job of it, such as the `create_instance` job that rented it, or
 * by its ids. Each method but `find` adds a job, and gives its id.
 * @throws JetfleetError `JETFLEET_NOT_FOUND` for a job that there is not, or that has no instance; ConflictError for one that has not rented
 *   its instance yet, or has failed to; ValidationError, BrokerError as `queue.add` does
 */
export class Instances {
  /** Everything that was rented, and what it costs. */
  readonly ledger: Ledger;
  readonly #queue: JobQueueService;

  /** @internal */
  constructor(queue: JobQueueService) {
    this.#queue = queue;
    this.ledger = new Ledger(() => queue.brokerAsItIs());
  }

  /** The instance of a job: of a create job the one that its monitor or a later offer has come to, of a migration the new one. */
  async find(jobId: string): Promise<InstanceAddress> {
    assertJobId(jobId);
    const broker = await this.#queue.brokerAsItIs();
    const job = await findJob(broker, jobId);
    if (!job) throw new JetfleetError('JETFLEET_NOT_FOUND', `there is no job ${jobId}`);
    const first = firstCreateOf(job);
    if (first !== undefined) return addressOf(jobId, await rentedBy(broker, first));
    return addressIn(job);
  }

  /** Starts an instance that was stopped. */
  start(of: string | InstanceAddress, options: OrderOptions = {}): Promise<Added> {
    return this.#add(startInstance, of, options);
  }

  stop(of: string | InstanceAddress, options: OrderOptions = {}): Promise<Added> {
    return this.#add(stopInstance, of, options);
  }

  restart(of: string | InstanceAddress, options: OrderOptions = {}): Promise<Added> {
    return this.#add(restartInstance, of, options);
  }

  /** Moves it to another machine, under its id or as another instance. */
  async migrate(of: string | InstanceAddress, options: MigrateOptions = {}): Promise<Added> {
    const address = await this.#address(of);
    return this.#add(migrateInstance, address, {
      ...options,
      ...defined({ createJobId: address.createJobId }),
    });
  }

  /** Deletes it; the job completes once the provider has proven that it is gone. */
  delete(of: string | InstanceAddress, options: DeleteOptions = {}): Promise<Added> {
    return this.#add(deleteInstance, of, options);
  }

  /** Checks whether it runs and its ports answer; the result says so. */
  check(of: string | InstanceAddress, options: CheckOptions = {}): Promise<Added> {
    return this.#add(checkInstance, of, options);
  }

  /** Watches it from now on; each event ends the job with its result, and another watch follows. */
  async watch(of: string | InstanceAddress, options: WatchOptions = {}): Promise<Added> {
    const address = await this.#address(of);
    return this.#add(watchInstance, address, {
      ...options,
      ...defined({ createJobId: address.createJobId }),
    });
  }

  /**
   * Has a job that waits for its instance look at once: a monitor, a watch, or any other of it. Something may have happened, as a callback of the
   * provider says; what has, the job finds out.
   * @returns whether it was waiting; one that runs looks anyway
   * @throws ConflictError when it has ended; JetfleetError `JETFLEET_NOT_FOUND` for a job of no instance
   */
  async wake(jobId: string): Promise<boolean> {
    assertJobId(jobId);
    const broker = await this.#queue.brokerAsItIs();
    const job = await findJob(broker, jobId);
    const isOfInstance = job && textField(job.payload, 'instanceId') !== undefined;
    if (!isOfInstance)
      throw new JetfleetError('JETFLEET_NOT_FOUND', `there is no job ${jobId} of an instance`);
    const found = await wakeWaiting(broker, jobId);
    if (found === 'ended') throw new ConflictError(`job ${jobId} has ended already`);
    return found === 'woken';
  }

  /**
   * Has it stopped or deleted once it has been idle for `idleMs`, or `until` is over. One job for each instance: where there is one already, the
   * answer is its id.
   */
  autoStop(of: string | InstanceAddress, options: AutoStopOptions): Promise<Added> {
    return this.#add(autoStop, of, options);
  }

  /** Moves the end of the lease that `autoStop` has begun. */
  extendLease(of: string | InstanceAddress, options: ExtendLeaseOptions): Promise<Added> {
    return this.#add(extendLease, of, options);
  }

  /**
   * For how long the lease is good that a `keep_lease` job renews, in milliseconds from now: its whole time for as long as the last renewal is not
   * older than that, so that an instance which asks has all of it before it ends.
   * @throws ConflictError for a lease that nobody renews any more; JetfleetError `JETFLEET_NOT_FOUND`
   */
  async leaseOf(jobId: string): Promise<number> {
    assertJobId(jobId);
    const broker = await this.#queue.brokerAsItIs();
    const job = (await broker.lastEvent(jobId))?.record;
    if (job?.type !== keepLease.type)
      throw new JetfleetError('JETFLEET_NOT_FOUND', `there is no lease ${jobId}`);
    const { leaseMs = 0 } = (job.payload ?? {}) as { leaseMs?: number };
    const ageMs = broker.clock.now() - Date.parse(job.updatedAt);
    if (!isTerminal(job.status) && ageMs <= leaseMs) return leaseMs;
    throw new ConflictError(
      `the lease ${jobId} is not renewed any more: its job is ${job.state}, since ${job.updatedAt}`,
    );
  }

  /**
   * Says that an instance is used, now or at a time, so that `autoStop` leaves it running. Within one minute it is said once, however often this
   * is called.
   * @param autoStopJobId the id that `autoStop` gave
   * @throws ConflictError when that job has ended
   */
  async used(autoStopJobId: string, at?: Date | string): Promise<void> {
    const { clock } = await this.#queue.broker();
    const nowMs = clock.now();
    const atMs = at === undefined ? nowMs : new Date(at).getTime();
    if (Number.isNaN(atMs))
      throw invalidOption(`at must be a time such as 2026-01-01T00:00:00Z, got ${excerptOf(at)}`);
    // Later uses within the minute are not sent, and counted by this.
    const minute = Math.floor(atMs / USED_ONCE_MS) + 1;
    const data = { at: new Date(minute * USED_ONCE_MS).toISOString() };
    await this.#queue.signal(autoStopJobId, USED, data, { key: `${USED}-${minute}` });
  }

  /** What was rented for a job, and what it has cost so far, in 1/100,000 USD. @throws JetfleetError `JETFLEET_NOT_FOUND` */
  async cost(jobId: string): Promise<JobCost> {
    assertJobId(jobId);
    return costOfJob(await this.#queue.brokerAsItIs(), jobId);
  }

  /** Instances on accounts that cost money for nobody. Changes nothing. @throws ValidationError `JETFLEET_OPTION_INVALID` */
  async orphans(options: OrphanOptions): Promise<OrphanReport> {
    return findOrphans(await this.#queue.brokerAsItIs(), options);
  }

  /** Has orphans deleted, each by a job of its own; one that is none any more is left alone. */
  async deleteOrphans(options: DeleteOrphansOptions): Promise<DeletedOrphan[]> {
    return deleteOrphans(await this.#queue.broker(), options);
  }

  /** Compares the ledger with the lists of accounts, and with `fix` writes into it what is proven. */
  async reconcile(options: ReconcileOptions): Promise<Reconciliation> {
    const broker = options.fix === true ? this.#queue.broker() : this.#queue.brokerAsItIs();
    return reconcile(await broker, options);
  }

  async #address(of: string | InstanceAddress): Promise<InstanceAddress> {
    return typeof of === 'string' ? this.find(of) : of;
  }

  async #add<T extends JobTypes>(
    job: JobDefinition<T>,
    of: string | InstanceAddress,
    options: object,
  ): Promise<Added> {
    const { instanceId, novitaInstanceId } = await this.#address(of);
    const entries: [string, unknown][] = Object.entries(options);
    const isOfPayload = ([name]: [string, unknown]) => PAYLOAD_KEYS.has(name);
    const payload = Object.fromEntries(entries.filter(isOfPayload));
    const ofJob = Object.fromEntries(entries.filter((entry) => !isOfPayload(entry)));
    return this.#queue.add(job, { instanceId, novitaInstanceId, ...defined(payload) } as T['input'], ofJob);
  }
}

/** A job is told of so many uses in its life that each second of use would be too much. */
const USED_ONCE_MS = 60_000;

/** Those of all payloads; the schema of each refuses what is not its own. `webhookUrl` is an option of the job, for all types alike. */
const PAYLOAD_KEYS: ReadonlySet<string> = new Set([
  ...['maxWaitTime', 'by', 'createJobId'],
  ...['ports', 'path', 'expectStatus', 'probeTimeoutMs'],
  ...[
    'on',
    'health',
    'minIntervalMs',
    'maxIntervalMs',
    'priceIntervalMs',
    'pricePerHour',
    'reported',
    'watch',
  ],
  ...['idleMs', 'until', 'action', 'lastUsedAt', 'byMs', 'autoStopJobId'],
]);

/** The create job with which to begin, of a job that stands at the beginning of an operation or within it. */
function firstCreateOf({ id, type, next = [], result }: JobRecord): string | undefined {
  if (type === createInstance.type) return id;
  const isReplaced = type === monitorInstance.type && textField(result, 'status') === 'replaced';
  if (isReplaced) return next.find((each) => each.type === createInstance.type)?.id;
  return type === migrateInstance.type ? textField(result, 'createJobId') : undefined;
}

function addressOf(jobId: string, rented: Rented | undefined): InstanceAddress {
  if (rented?.state === 'rented') {
    const { instanceId, novitaInstanceId, createJobId } = rented;
    return { instanceId, novitaInstanceId, createJobId };
  }
  if (rented?.state === 'failed') {
    throw new ConflictError(`job ${jobId} has no instance: ${rented.error.message}`);
  }
  throw new ConflictError(`job ${jobId} has not rented its instance yet; wait until it has`);
}

function addressIn({ id, type, payload, parentId }: JobRecord): InstanceAddress {
  const instanceId = textField(payload, 'instanceId');
  const novitaInstanceId = textField(payload, 'novitaInstanceId');
  if (instanceId === undefined || novitaInstanceId === undefined) {
    throw new JetfleetError('JETFLEET_NOT_FOUND', `job ${id} of type ${type} has no instance`);
  }
  const createJobId = type === monitorInstance.type ? parentId : textField(payload, 'createJobId');
  return { instanceId, novitaInstanceId, ...defined({ createJobId }) };
}
