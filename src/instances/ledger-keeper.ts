/** Keeps the ledger: notes what the jobs of a worker come to, and makes the entry of what was rented where it is missing. */
import { answeredWithin } from '../broker/answered-within.js';
import type { Broker } from '../broker/broker.js';
import { isSameInstance } from '../gpu/instance-home.js';
import { INSTANCE_NAME_PREFIX } from '../gpu/instance-name.js';
import type { GpuProvider, Instance } from '../gpu/provider.js';
import { isJobId } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import { textField } from '../jobs/text-field.js';
import { tryEach } from '../jobs/try-each.js';
import type { LedgerEntry, Rental } from '../money/ledger-entry.js';
import { LedgerStore } from '../money/ledger-store.js';
import { completedEntry, noted, openedEntry } from '../money/noted-entry.js';
import type { Logger } from '../telemetry/logger.js';
import type { BeforeStored } from '../worker/job-handler.js';
import { announcedIn } from './announced-creates.js';
import { createInstance, deleteInstance, instanceNameOf } from './jobs.js';
import { type NotedInstance, notesOf } from './ledger-notes.js';
import {
  checkInstance,
  migrateInstance,
  restartInstance,
  startInstance,
  stopInstance,
  watchInstance,
} from './lifecycle-jobs.js';
import { OwnerSearch, owns } from './owner-search.js';
import { firstOf, isCreatedLast, rentalOf, unownedRental } from './rental.js';

/** An outcome waits no longer for its note. */
const NOTED_WITHIN_MS = 10_000;
/** From a job back to the create job that it is about. */
const MAX_PARENTS = 4;
/** Instances that no record knows. Each is searched for once. */
const MAX_UNKNOWN = 1_000;

export interface LedgerKeeperOptions {
  broker: () => Promise<Broker>;
  provider: GpuProvider;
  /** Those of `provider`, or itself. */
  parts: readonly GpuProvider[];
  logger: Logger;
  /** How long an entry is kept that has ended. */
  keepMs?: number;
}

export class LedgerKeeper {
  readonly #options: LedgerKeeperOptions;
  readonly #unknown = new Set<string>();

  constructor(options: LedgerKeeperOptions) {
    this.#options = options;
  }

  /** Notes what a record says that is about to be stored. Never rejects: what could not be noted, the next sweep notes that compares the ledger. */
  readonly note: BeforeStored = async (record, before) => {
    const instances = notesOf(record, before);
    if (instances.length === 0) return;
    try {
      await answeredWithin(NOTED_WITHIN_MS, (signal) => this.#noteAll(record, instances, signal));
    } catch (err) {
      const ids = instances.map(({ novitaInstanceId }) => novitaInstanceId);
      this.#options.logger.error({ err, jobId: record.id, ids }, 'the ledger could not be written');
    }
  };

  async #noteAll(record: JobRecord, instances: readonly NotedInstance[], signal: AbortSignal): Promise<void> {
    const broker = await this.#options.broker();
    const store = new LedgerStore(broker, this.#options.keepMs);
    await tryEach(instances, async ({ novitaInstanceId, notes }) => {
      signal.throwIfAborted();
      const known = await store.find(novitaInstanceId);
      const isComplete = known?.jobId !== undefined && record.type !== createInstance.type;
      const rental = isComplete ? undefined : await this.#rentalOf(broker, record, novitaInstanceId, signal);
      const key = known ?? rental;
      if (!key) return;
      await store.change(key, (entry) => {
        let after = begun(entry, rental);
        for (const note of notes) after = after && (noted(after, note) ?? after);
        return after === entry ? undefined : after;
      });
    });
  }

  /** Undefined where nothing proves that this queue has rented it. */
  async #rentalOf(
    broker: Broker,
    job: JobRecord,
    novitaInstanceId: string,
    signal: AbortSignal,
  ): Promise<Rental | undefined> {
    const { parts } = this.#options;
    const named = await creatorOf(broker, job);
    const rented = named && this.#rentedBy(named, { job, novitaInstanceId, broker });
    if (!rented && this.#unknown.has(novitaInstanceId)) return undefined;
    const isClear = rented && saysWhich(named, { ...rented, novitaInstanceId });
    const shown = isClear ? undefined : await this.#shown(novitaInstanceId, signal);
    const seen = { ...rented, novitaInstanceId, parts, shown: shown ?? undefined };
    const isIts = named && shown && owns(named, shown.name, broker.subjects.namespace);
    const creator = rented || isIts ? named : shown && (await this.#ownerOf(broker, shown));
    if (creator) return rentalOf(creator, { ...seen, owner: await firstOf(broker, creator) });
    if (shown && hasProvenOwner(job) && shown.name.startsWith(INSTANCE_NAME_PREFIX)) {
      this.#reportUnknown(job, novitaInstanceId, 'its entry has no job');
      return unownedRental(shown, { ...seen, seenAt: job.updatedAt });
    }
    // A provider that could not be asked says nothing.
    if (shown !== undefined) this.#reportUnknown(job, novitaInstanceId, 'it has no entry');
    return undefined;
  }

  /** Under which name a create job has rented an instance, where records prove that it has. Anybody can name any job. */
  #rentedBy(
    creator: JobRecord,
    { job, novitaInstanceId, broker }: { job: JobRecord; novitaInstanceId: string; broker: Broker },
  ): { name?: string | null } | undefined {
    const { duplicates } = Object(creator.result) as { duplicates?: unknown };
    const ids = [textField(creator.result, 'novitaInstanceId'), ...[duplicates ?? []].flat()];
    const isIt = (id: unknown) =>
      typeof id === 'string' &&
      this.#options.parts.some(({ name }) => isSameInstance(novitaInstanceId, id, name));
    if (ids.some(isIt)) return {};
    // What a job deletes was proven to be that of the job which it follows from.
    if (job.type !== deleteInstance.type || isNotOurs(job)) return undefined;
    const name = textField(job.payload, 'instanceName');
    if (textField(job.payload, 'novitaInstanceId') !== undefined)
      return creator.redrives ? { name: null } : {};
    return name !== undefined && owns(creator, name, broker.subjects.namespace) ? { name } : undefined;
  }

  /** Null where its provider does not know it; undefined where it cannot be asked. */
  #shown(novitaInstanceId: string, signal: AbortSignal): Promise<Instance | null | undefined> {
    return this.#options.provider.get(novitaInstanceId, signal).catch(() => undefined);
  }

  async #ownerOf(broker: Broker, { name }: Instance): Promise<JobRecord | undefined> {
    if (!name.startsWith(INSTANCE_NAME_PREFIX)) return undefined;
    return (await new OwnerSearch(broker).find(new Set([name]))).get(name);
  }

  #reportUnknown({ id: jobId }: JobRecord, novitaInstanceId: string, what: string): void {
    if (this.#unknown.has(novitaInstanceId)) return;
    if (this.#unknown.size >= MAX_UNKNOWN) this.#unknown.clear();
    this.#unknown.add(novitaInstanceId);
    const why = `no record of a create job has rented instance ${novitaInstanceId}`;
    this.#options.logger.warn({ jobId, novitaInstanceId }, `${why}: ${what}`);
  }
}

function begun(entry: LedgerEntry | undefined, rental: Rental | undefined): LedgerEntry | undefined {
  if (!rental) return entry;
  return entry ? (completedEntry(entry, rental) ?? entry) : openedEntry(rental);
}

/** Whether the record alone says which of its creates has rented an instance. */
function saysWhich(
  creator: JobRecord,
  { name = instanceNameOf(creator), novitaInstanceId }: { name?: string | null; novitaInstanceId: string },
): boolean {
  if (name !== instanceNameOf(creator)) return false;
  return isCreatedLast(creator, novitaInstanceId) || announcedIn(creator.checkpoint).length === 1;
}

/** Their first read proves whose the instance is, and else they fail. */
const PROVES_OWNER: readonly string[] = [
  startInstance.type,
  stopInstance.type,
  restartInstance.type,
  migrateInstance.type,
  checkInstance.type,
  watchInstance.type,
];

function hasProvenOwner(job: JobRecord): boolean {
  return PROVES_OWNER.includes(job.type) && !isNotOurs(job);
}

function isNotOurs({ error }: JobRecord): boolean {
  return error?.code === 'JETFLEET_INSTANCE_NOT_OURS';
}

/** The create job that a job says it is about: itself, one that it follows from, or the one that it names. */
async function creatorOf(broker: Broker, job: JobRecord): Promise<JobRecord | undefined> {
  let record: JobRecord | undefined = job;
  for (let hops = 0; record && hops < MAX_PARENTS; hops++) {
    if (record.type === createInstance.type) return record;
    const named: string | undefined = textField(record.payload, 'createJobId');
    const next: string | undefined = isJobId(named) ? named : record.parentId;
    record = isJobId(next) ? (await broker.lastEvent(next as string))?.record : undefined;
  }
  return undefined;
}
