/** Keeps the ledger: notes what the jobs of a worker come to, and makes the entry of what was rented where it is missing. */
import { answeredWithin } from '../broker/answered-within.js';
import type { Broker } from '../broker/broker.js';
import { ownId, qualifiedId } from '../gpu/instance-home.js';
import { INSTANCE_NAME_PREFIX } from '../gpu/instance-name.js';
import type { GpuProvider } from '../gpu/provider.js';
import { defined } from '../jobs/defined.js';
import { isJobId } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import { textField } from '../jobs/text-field.js';
import { completedEntry, type LedgerEntry, noted, openedEntry, type Rental } from '../money/ledger-entry.js';
import { LedgerStore } from '../money/ledger-store.js';
import type { Logger } from '../telemetry/logger.js';
import type { BeforeStored } from '../worker/job-handler.js';
import { createInstance, instanceNameOf } from './jobs.js';
import { type NotedInstance, notesOf } from './ledger-notes.js';
import { OwnerSearch } from './owner-search.js';

/** An outcome waits no longer for its note. */
const NOTED_WITHIN_MS = 10_000;
/** From a job back to the create job that it is about, and from that to the first of its operation. */
const MAX_PARENTS = 4;
const MAX_HOPS = 100;
/** What is billed of an instance whose provider says nothing of it: whole seconds. */
export const DEFAULT_BILLED_MS = 1_000;
/** The account of a provider that names none. */
export const DEFAULT_ACCOUNT = 'default';

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

  constructor(options: LedgerKeeperOptions) {
    this.#options = options;
  }

  /**
   * Notes what a record says that is about to be stored. Never rejects: what could not be noted, a later job of the instance notes, or `jetfleet
   * instances reconcile`.
   */
  readonly note: BeforeStored = async (record, before) => {
    const instances = notesOf(record, before);
    if (instances.length === 0) return;
    try {
      await answeredWithin(NOTED_WITHIN_MS, () => this.#noteAll(record, instances));
    } catch (err) {
      const ids = instances.map(({ novitaInstanceId }) => novitaInstanceId);
      this.#options.logger.error(
        { err, jobId: record.id, ids },
        'the ledger could not be written; reconcile it',
      );
    }
  };

  async #noteAll(record: JobRecord, instances: readonly NotedInstance[]): Promise<void> {
    const broker = await this.#options.broker();
    const store = new LedgerStore(broker, this.#options.keepMs);
    for (const { novitaInstanceId, notes } of instances) {
      const known = await store.find(novitaInstanceId);
      const isComplete = known?.jobId !== undefined && record.type !== createInstance.type;
      const rental = isComplete ? undefined : await this.#rentalOf(broker, record, novitaInstanceId);
      const key = known ?? rental;
      if (!key) continue;
      await store.change(key, (entry) => {
        let after = begun(entry, rental);
        for (const note of notes) after = after && (noted(after, note) ?? after);
        return after === entry ? undefined : after;
      });
    }
  }

  /** What the record of the create job says of an instance that it rented; undefined where there is no such record. */
  async #rentalOf(broker: Broker, job: JobRecord, novitaInstanceId: string): Promise<Rental | undefined> {
    const creator = (await creatorOf(broker, job)) ?? (await this.#creatorByName(broker, novitaInstanceId));
    if (!creator) return undefined;
    const owner = await firstOf(broker, creator);
    return rentalOf(creator, { novitaInstanceId, owner, parts: this.#options.parts });
  }

  /** By the name that its provider shows now. */
  async #creatorByName(broker: Broker, novitaInstanceId: string): Promise<JobRecord | undefined> {
    const instance = await this.#options.provider.get(novitaInstanceId).catch(() => null);
    if (!instance?.name.startsWith(INSTANCE_NAME_PREFIX)) return undefined;
    return (await new OwnerSearch(broker).find(new Set([instance.name]))).get(instance.name);
  }
}

function begun(entry: LedgerEntry | undefined, rental: Rental | undefined): LedgerEntry | undefined {
  if (!rental) return entry;
  return entry ? (completedEntry(entry, rental) ?? entry) : openedEntry(rental);
}

/** An instance as the record of its create job describes it: the checkpoint was written before its create was sent. */
export function rentalOf(
  creator: JobRecord,
  {
    novitaInstanceId,
    owner,
    parts,
  }: { novitaInstanceId: string; owner: string; parts: readonly GpuProvider[] },
): Rental | undefined {
  const { checkpoint, payload, result, id: jobId, tags = [], updatedAt } = creator;
  const part = parts.find(({ name }) => novitaInstanceId.startsWith(qualifiedId(name, ''))) ?? parts[0];
  const provider = textField(checkpoint, 'provider') ?? part?.name;
  if (provider === undefined) return undefined;
  const { pricePerHour, billedMs } = (checkpoint ?? {}) as Record<string, unknown>;
  const { gpuNum } = (payload ?? {}) as { gpuNum?: unknown };
  const field = (name: string) => textField(checkpoint, name) ?? textField(result, name);
  return {
    provider,
    account: textField(checkpoint, 'account') ?? part?.account ?? DEFAULT_ACCOUNT,
    id: ownId(provider, novitaInstanceId),
    novitaInstanceId,
    jobId,
    owner,
    tags: [...tags],
    billedMs: typeof billedMs === 'number' && billedMs > 0 ? billedMs : DEFAULT_BILLED_MS,
    rentedAt: textField(checkpoint, 'sentAt') ?? updatedAt,
    pricePerHour: Number.isSafeInteger(pricePerHour) ? (pricePerHour as number) : null,
    ...defined({
      name: instanceNameOf(creator),
      instanceId: textField(payload, 'instanceId'),
      region: field('region'),
      productId: field('productId'),
      billingMode: textField(checkpoint, 'billingMode'),
      gpuNum: typeof gpuNum === 'number' ? gpuNum : undefined,
    }),
  };
}

/** The create job that a job is about: itself, one that it follows from, or the one that it names. */
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

/** The id of the first job of an operation: the one that follows from no other. */
export async function firstOf(broker: Broker, creator: JobRecord): Promise<string> {
  let first = creator;
  for (let hops = 0; hops < MAX_HOPS && isJobId(first.parentId); hops++) {
    const parent: JobRecord | undefined = (await broker.lastEvent(first.parentId as string))?.record;
    if (!parent) return first.parentId as string;
    first = parent;
  }
  return first.id;
}
