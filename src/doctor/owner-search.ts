import type { Broker } from '../broker/broker.js';
import { INSTANCE_NAME_PREFIX, instanceNameStem } from '../gpu/instance-name.js';
import type { JobRecord } from '../jobs/job-record.js';
import { JobType } from '../jobs/vocabulary.js';

const PAGE = 500;
/** Most events of create jobs that one search reads. */
const MAX_SCANNED = 200_000;
/** The hash at the end of a name, with the dash before it. */
const HASH = /-?[0-9a-f]{12}$/;

/**
 * Finds the create jobs that instances were rented for. The name of an instance shows the beginning of its job's id,
 * which is tried first; what that does not find is searched for in the records of create jobs.
 */
export class OwnerSearch {
  readonly #broker: Broker;

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** The latest record of each name's job; names that no record knows are left out. */
  async find(names: readonly string[]): Promise<Map<string, JobRecord>> {
    const owners = new Map<string, JobRecord>();
    const missing = new Set<string>();
    for (const name of names) {
      const owner = await this.#byReadablePart(name);
      if (owner) owners.set(name, owner);
      else missing.add(name);
    }
    for (const [name, id] of await this.#scan(missing)) {
      const owner = (await this.#broker.lastEvent(id))?.record;
      if (owner) owners.set(name, owner);
    }
    return owners;
  }

  async #byReadablePart(name: string): Promise<JobRecord | undefined> {
    const readable = name.slice(INSTANCE_NAME_PREFIX.length).replace(HASH, '');
    if (!readable) return undefined;
    // Generated ids are upper case.
    for (const id of new Set([readable, readable.toUpperCase(), readable.replaceAll('-', '_')])) {
      if (!name.startsWith(instanceNameStem(id))) continue;
      const history = await this.#history(id);
      if (history.some((record) => hasName(record, name))) return history.at(-1);
    }
    return undefined;
  }

  async #history(id: string): Promise<JobRecord[]> {
    const { subjects, read } = this.#broker;
    const filter = subjects.event(JobType.CREATE_INSTANCE, '*', id);
    const page = await read.page(subjects.streamName('events'), filter, 1, PAGE);
    return page.flatMap((message) => this.#broker.recordOf(message) ?? []);
  }

  /** Which job has recorded each of the names. */
  async #scan(missing: Set<string>): Promise<Map<string, string>> {
    const { subjects, read } = this.#broker;
    const found = new Map<string, string>();
    const filter = subjects.event(JobType.CREATE_INSTANCE, 'processing', '*');
    for (let seq = 1, scanned = 0; found.size < missing.size && scanned < MAX_SCANNED; ) {
      const page = await read.page(subjects.streamName('events'), filter, seq, PAGE);
      for (const message of page) {
        const record = this.#broker.recordOf(message);
        const name = record && recordedName(record);
        if (name !== undefined && missing.has(name)) found.set(name, (record as JobRecord).id);
      }
      const last = page.at(-1);
      if (!last || page.length < PAGE) break;
      scanned += page.length;
      seq = last.seq + 1;
    }
    return found;
  }
}

function recordedName({ checkpoint }: JobRecord): string | undefined {
  const { instanceName } = (checkpoint ?? {}) as { instanceName?: unknown };
  return typeof instanceName === 'string' ? instanceName : undefined;
}

function hasName(record: JobRecord, name: string): boolean {
  return recordedName(record) === name;
}
