import type { Broker } from '../broker/broker.js';
import { INSTANCE_NAME_PREFIX, instanceNameStem, instanceNamesOf } from '../gpu/instance-name.js';
import { inParts } from '../jobs/in-parts.js';
import type { JobRecord } from '../jobs/job-record.js';
import { ANY } from '../wire/subjects.js';
import { createInstance, instanceNameOf } from './jobs.js';

const PAGE = 500;
/** Most events of create jobs that one search reads. */
const MAX_SCANNED = 200_000;
/** Owners that are read at once. */
const PARALLEL = 32;
/** The hash at the end of a name, with the dash before it. */
const HASH = /-?[0-9a-f]{12}$/;

/**
 * Finds the create jobs that instances were rented for. The name of an instance shows the beginning of its job's id,
 * which is tried first; what that does not find is searched for in the records of create jobs, once: a name is
 * recorded before its instance is made, so what no record knows now none will know later.
 */
export class OwnerSearch {
  readonly #broker: Broker;
  /** By name; undefined for one that no record knows. */
  readonly #jobIds = new Map<string, string | undefined>();

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** The latest record of each name's job, read now; names that no record knows are left out. */
  async find(names: ReadonlySet<string>): Promise<Map<string, JobRecord>> {
    for (const name of this.#jobIds.keys()) if (!names.has(name)) this.#jobIds.delete(name);
    await this.#identify([...names].filter((name) => !this.#jobIds.has(name)));
    const owners = new Map<string, JobRecord>();
    await inParts([...this.#jobIds], PARALLEL, async ([name, id]) => {
      const owner = id === undefined ? undefined : await this.#ownerNow(name, id);
      if (owner) owners.set(name, owner);
    });
    return owners;
  }

  async #ownerNow(name: string, id: string): Promise<JobRecord | undefined> {
    const owner = (await this.#broker.lastEvent(id))?.record;
    return owner && owns(owner, name, this.#broker.subjects.namespace) ? owner : undefined;
  }

  async #identify(names: readonly string[]): Promise<void> {
    const missing = new Set<string>();
    for (const name of names) {
      const id = await this.#byReadablePart(name);
      if (id === undefined) missing.add(name);
      else this.#jobIds.set(name, id);
    }
    const scanned = missing.size === 0 ? undefined : await this.#scan(missing);
    for (const name of missing) this.#jobIds.set(name, scanned?.get(name));
  }

  async #byReadablePart(name: string): Promise<string | undefined> {
    const readable = name.slice(INSTANCE_NAME_PREFIX.length).replace(HASH, '');
    if (!readable) return undefined;
    // Generated ids are upper case.
    for (const id of new Set([readable, readable.toUpperCase(), readable.replaceAll('-', '_')])) {
      if (!name.startsWith(instanceNameStem(id))) continue;
      if (await this.#ownerNow(name, id)) return id;
    }
    return undefined;
  }

  /** Which job has recorded each of the names. */
  async #scan(missing: ReadonlySet<string>): Promise<Map<string, string>> {
    const { subjects, read } = this.#broker;
    const found = new Map<string, string>();
    const filter = subjects.event(createInstance.type, 'processing', ANY);
    let scanned = 0;
    for await (const message of read.walk(subjects.streamName('events'), filter, 1, PAGE)) {
      const record = this.#broker.recordOf(message);
      const name = record && instanceNameOf(record);
      if (record && name !== undefined && missing.has(name)) found.set(name, record.id);
      if (found.size === missing.size || ++scanned >= MAX_SCANNED) break;
    }
    return found;
  }
}

/**
 * Whether a record shows that its job rents, or rented, under a name. The name must follow from the job itself, so that
 * neither a later job of the same id nor a record with a name that somebody chose owns anything. The name of the present
 * life counts once it is recorded.
 */
export function owns(record: JobRecord, name: string, namespace: string): boolean {
  if (record.type !== createInstance.type || !name.startsWith(INSTANCE_NAME_PREFIX)) return false;
  const [present, ...before] = instanceNamesOf(record, namespace);
  return before.includes(name) || (name === present && instanceNameOf(record) === name);
}
