import type { InstanceOrder } from '../../machines/index.js';
import { AtOnce } from '../broker/at-once.js';
import type { Broker } from '../broker/broker.js';
import { isSameInstance, ownId } from '../gpu/instance-home.js';
import { INSTANCE_NAME_PREFIX, instanceNamesOf } from '../gpu/instance-name.js';
import type { GpuProvider, Instance, ProviderCapabilities } from '../gpu/provider.js';
import { ProviderError } from '../gpu/provider-error.js';
import { JetfleetError } from '../jobs/errors.js';
import { isJobId } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import type { JobContext } from '../worker/job-handler.js';
import { createInstance, instanceNameOf } from './jobs.js';
import { OwnerSearch, owns } from './owner-search.js';
import { assertProviders, lookUp, sentBefore } from './sent-to.js';

/** What is looked for: instances by their ids at the provider, and all of one name. */
export interface Wanted {
  ids: readonly string[];
  name?: string;
}

/** A create, its monitor, and the job that deletes after that. */
const MAX_PARENTS = 4;

/**
 * The only way by which a job stops or deletes an instance: whoever asks, it is touched when its name is one of ours and
 * the record of a create job shows that it was rented under this name, both read at that moment. A job that follows from
 * a create job touches what that one rented, and nothing of another. What the payload says proves nothing. Without a
 * record, such as one that has expired, nothing is touched.
 */
export class OwnedInstances {
  readonly #provider: GpuProvider;
  readonly #parts: readonly GpuProvider[];
  readonly #broker: () => Promise<Broker>;
  /** Searches read many records, so they take turns. */
  readonly #searches = new AtOnce(1);

  /** @param parts those of `provider` where it is a combined one. Defaults to itself */
  constructor(
    provider: GpuProvider,
    broker: () => Promise<Broker>,
    parts: readonly GpuProvider[] = [provider],
  ) {
    this.#provider = provider;
    this.#parts = parts;
    this.#broker = broker;
  }

  /**
   * What the provider shows now, read by id and by list, since either may be late. The directory will not do here: what it
   * has seen a moment ago proves neither an absence nor whose an instance is.
   * @throws ProviderError, BrokerError; the reason of the job's signal
   */
  async find(job: JobContext, { ids, name }: Wanted): Promise<Instance[]> {
    const found = new Map<string, Instance>();
    const keep = (instance: Instance | null) => {
      if (instance && instance.status !== 'terminated') found.set(instance.id, instance);
    };
    const errors: unknown[] = [];
    const failed = (error: unknown) => {
      job.signal.throwIfAborted();
      errors.push(error);
    };
    const missing = new Set<string>();
    for (const id of ids) {
      const read = await this.#provider.get(id, job.signal).catch(failed);
      if (read) keep(read);
      else if (read === null) missing.add(id);
    }
    if (name !== undefined) {
      for (const each of (await this.#named(job, name).catch(failed)) ?? []) keep(each);
    }
    if (missing.size > 0) {
      for (const each of (await this.#listed(job, missing).catch(failed)) ?? []) keep(each);
    }
    // What some show is seen to now. Only where they show nothing, the others have to say that they have nothing either.
    if (found.size === 0 && errors.length > 0) throw errors[0];
    return [...found.values()];
  }

  /**
   * Refuses to conclude anything for a job that follows from a create job from an instance which that one has not
   * rented: the provider answered the create with the id of another, or this read with another instance.
   * @throws ProviderError `transient`; BrokerError
   */
  async assertRead(job: JobContext, { id, name }: Pick<Instance, 'id' | 'name'>): Promise<void> {
    const broker = await this.#broker();
    const creator = await this.#creatorOf(broker, job.record);
    if (!creator || owns(creator, name, broker.subjects.namespace)) return;
    const shown = `instance ${id} under the name ${JSON.stringify(name)}`;
    throw new ProviderError('transient', `the provider shows ${shown}, which job ${creator.id} did not rent`);
  }

  /**
   * An instance as it is now, proven to be ours before anything is concluded from it; null where nothing shows it.
   * @param isFirst whether its owner has yet to be found; else it is enough that the read fits the job
   * @throws as {@link find}, {@link ownerOf} and {@link assertRead}
   */
  async read(job: JobContext, id: string, isFirst: boolean): Promise<Instance | null> {
    const [instance] = await this.find(job, { ids: [id] });
    if (!instance) return null;
    if (isFirst) await this.ownerOf(job, instance);
    else await this.assertRead(job, instance);
    return instance;
  }

  /**
   * Has the provider start, stop, restart or migrate an instance; one that is gone is left to the next read.
   * @throws JetfleetError `JETFLEET_INSTANCE_NOT_OURS`; ProviderError, BrokerError
   */
  async order(job: JobContext, id: string, order: InstanceOrder): Promise<void> {
    const [instance] = await this.#owned(job, [id]);
    if (!instance) return;
    const call = this.#provider[order];
    if (!call) throw new ProviderError('validation', `${this.#provider.name} cannot ${order} instances`);
    await call.call(this.#provider, id, job.signal);
  }

  /** Whether the provider of an instance can carry an order out, as far as its capabilities say. */
  isAble(id: string, order: InstanceOrder): boolean {
    const named = this.#parts.filter(({ name }) => ownId(name, id) !== id);
    return (named.length > 0 ? named : this.#parts).some(({ capabilities }) => can(capabilities, order));
  }

  /** Whether two ids are of one instance, whichever of them names its provider. */
  isSame(id: string, other: string): boolean {
    return this.#parts.some(({ name }) => isSameInstance(id, other, name));
  }

  /**
   * The create job that rented an instance, by its name.
   * @throws JetfleetError `JETFLEET_INSTANCE_NOT_OURS`; BrokerError
   */
  async ownerOf(job: JobContext, { id, name }: Pick<Instance, 'id' | 'name'>): Promise<JobRecord> {
    const broker = await this.#broker();
    const creator = await this.#creatorOf(broker, job.record);
    if (creator && owns(creator, name, broker.subjects.namespace)) return creator;
    const shown = `instance ${id} (${JSON.stringify(name)})`;
    if (creator) {
      throw notOurs(
        `${shown} is not touched: job ${creator.id}, which this one follows from, did not rent it`,
      );
    }
    const owners = await this.#searches.run(() => new OwnerSearch(broker).find(new Set([name])));
    const owner = owners.get(name);
    if (owner) return owner;
    throw notOurs(
      `${shown} is not touched: no record of a create_instance job of this queue has its name; if it is yours, and its record has expired, remove it in the provider's console`,
    );
  }

  /**
   * Deletes all of them, or none where one is not ours.
   * @throws JetfleetError `JETFLEET_INSTANCE_NOT_OURS`; ProviderError, BrokerError
   */
  async delete(job: JobContext, ids: readonly string[]): Promise<void> {
    const owned = await this.#owned(job, ids);
    await Promise.all(owned.map(({ id }) => this.#provider.delete(id, job.signal)));
  }

  /** All of a name. Of those where a create of it may have been sent, each has to answer before it is gone. */
  async #named(job: JobContext, name: string): Promise<Instance[]> {
    const creator = await this.#creatorOf(await this.#broker(), job.record);
    // Another life of the job has a name of its own, and what it sent says nothing about this one.
    const sentTo = creator && instanceNameOf(creator) === name ? sentBefore(creator.checkpoint) : undefined;
    const { found, failures } = await lookUp(name, this.#parts, sentTo, job.signal);
    if (found.length === 0 && failures.length > 0) throw failures[0];
    return found;
  }

  /** Those of the lists of their providers, which are read by name where the create job is known, else as a whole. */
  async #listed(job: JobContext, ids: ReadonlySet<string>): Promise<Instance[]> {
    const broker = await this.#broker();
    const creator = await this.#creatorOf(broker, job.record);
    const names = creator && instanceNamesOf(creator, broker.subjects.namespace);
    const listed: Instance[] = [];
    const missing = new Set(ids);
    const hasNamed = (part: GpuProvider, id: string) => ownId(part.name, id) !== id;
    const isUnnamed = (id: string) => !this.#parts.some((part) => hasNamed(part, id));
    for (const part of this.#parts) {
      const here = [...ids].filter((id) => hasNamed(part, id) || isUnnamed(id));
      if (here.length === 0) continue;
      for (const namePrefix of names ?? [INSTANCE_NAME_PREFIX]) {
        for await (const instance of part.list({ namePrefix }, job.signal)) {
          const id = here.find((each) => isSameInstance(instance.id, each, part.name));
          if (id === undefined) continue;
          listed.push({ ...instance, id });
          missing.delete(id);
        }
      }
    }
    // Rented by a worker with other providers: none of these can say that it is gone.
    if ([...missing].some(isUnnamed)) assertProviders(sentBefore(creator?.checkpoint) ?? [], this.#parts);
    return listed;
  }

  /** As they are read now; what is not there any more is left out. */
  async #owned(job: JobContext, ids: readonly string[]): Promise<Instance[]> {
    const present: Instance[] = [];
    for (const id of ids) {
      const [instance] = await this.find(job, { ids: [id] });
      if (!instance) continue;
      await this.#assertOwned(job, instance);
      present.push(instance);
    }
    return present;
  }

  async #assertOwned(job: JobContext, { id, name }: Instance): Promise<void> {
    if (!name.startsWith(INSTANCE_NAME_PREFIX)) {
      const shown = `instance ${id} (${JSON.stringify(name)})`;
      throw notOurs(`${shown} is not touched: its name does not begin with ${INSTANCE_NAME_PREFIX}`);
    }
    await this.ownerOf(job, { id, name });
  }

  /** The create job that this one follows from. Its record is read, as anybody can name any job as a parent. */
  async #creatorOf(broker: Broker, job: JobRecord): Promise<JobRecord | undefined> {
    let record: JobRecord | undefined = job;
    for (let hops = 0; record && hops < MAX_PARENTS; hops++) {
      if (record.type === createInstance.type) return record;
      if (record.parentId === undefined || !isJobId(record.parentId)) return undefined;
      record = (await broker.lastEvent(record.parentId))?.record;
    }
    return undefined;
  }
}

function can(capabilities: ProviderCapabilities, order: InstanceOrder): boolean {
  if (order === 'restart' || order === 'migrate') return capabilities[order] === true;
  return capabilities.stopStart;
}

function notOurs(message: string): JetfleetError {
  return new JetfleetError('JETFLEET_INSTANCE_NOT_OURS', message);
}
