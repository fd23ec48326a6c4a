/** Instances that cost money for nobody, as a report first: what they are, what they have cost, and which of them can be deleted. */
import type { Broker } from '../broker/broker.js';
import type { GpuProvider, Instance } from '../gpu/provider.js';
import { costOfTime } from '../jobs/amount.js';
import { defined } from '../jobs/defined.js';
import { checkInteger } from '../jobs/numbers.js';
import { assertOptions, assertTexts, type OptionNames } from '../jobs/options.js';
import { costOf, hasUnknownPrice } from '../money/cost.js';
import type { LedgerEntry } from '../money/ledger-entry.js';
import { LedgerStore } from '../money/ledger-store.js';
import { accountsOf } from './accounts.js';
import { DEFAULT_INSTANCE_GRACE_MS, InstanceCheck, type JudgedInstance } from './check-instances.js';
import { rentalOf } from './rental.js';

export interface OrphanOptions {
  /** The accounts that are looked at. */
  provider: GpuProvider | readonly GpuProvider[];
  /** Younger instances are left out, in milliseconds: a create may be under way, and lists lag behind. Defaults to 600,000. */
  graceMs?: number;
}

export interface DeleteOrphansOptions extends OrphanOptions {
  /** Only these, as {@link Orphan.novitaInstanceId} shows them. */
  ids: readonly string[];
}

export const ORPHAN_OPTIONS: OptionNames<Required<OrphanOptions>> = { provider: true, graceMs: true };
const DELETE_OPTIONS: OptionNames<Required<DeleteOrphansOptions>> = { ...ORPHAN_OPTIONS, ids: true };

/** An instance with a name of Jetfleet's that nobody uses. Amounts are 1/100,000 USD. */
export interface Orphan {
  novitaInstanceId: string;
  name: string;
  status: string;
  region?: string;
  /** Why nobody uses it, as the records of jobs say. */
  why: string;
  /** ISO time since when it is there, as far as is known. */
  since: string;
  /** Whether a record proves that this queue has rented it: only then it is deleted. */
  deletable: boolean;
  /** What it costs for an hour; null where nobody says so. */
  pricePerHour: number | null;
  /** What it has cost so far; null where its price is not known. */
  cost: number | null;
}

export interface OrphanReport {
  orphans: Orphan[];
  /** Together, for an hour, of those whose price is known. */
  ratePerHour: number;
  /** Accounts that could not be asked, with why: of these nothing is known. */
  unreachable: { provider: string; message: string }[];
}

/** What became of an orphan that was to be deleted. */
export interface DeletedOrphan {
  novitaInstanceId: string;
  /** The job that deletes it, until its provider has proven that it is gone. */
  jobId?: string;
  /** Why it is not deleted. */
  error?: string;
}

/**
 * Instances that cost money for nobody. Changes nothing.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`; BrokerError
 */
export async function findOrphans(broker: Broker, options: OrphanOptions): Promise<OrphanReport> {
  assertOptions('options', options, ORPHAN_OPTIONS);
  const { judged, shown, unreachable, parts } = await judgedOf(broker, options);
  const store = new LedgerStore(broker);
  const now = broker.clock.now();
  const orphans: Orphan[] = [];
  for (const each of judged) {
    const entry = await store.find(each.instance.id);
    // Its record has expired, and the ledger knows who has rented it.
    if (!each.remove && entry && entry.endedAt === undefined && entry.jobId !== undefined) continue;
    orphans.push(orphanOf(each, { instance: shown.get(each.instance.id), entry, now, parts }));
  }
  const rate = orphans.reduce((sum, { pricePerHour }) => sum + (pricePerHour ?? 0), 0);
  return {
    orphans,
    ratePerHour: rate,
    unreachable: unreachable.map(({ finding: { target, message } }) => ({ provider: target, message })),
  };
}

/**
 * Has orphans deleted, each by a job of its own that ends once its provider has proven that it is gone. They are judged once more: one that somebody
 * uses by now is left alone.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`; BrokerError
 */
export async function deleteOrphans(
  broker: Broker,
  { ids, ...options }: DeleteOrphansOptions,
): Promise<DeletedOrphan[]> {
  assertOptions('options', { ids, ...options }, DELETE_OPTIONS);
  assertTexts('ids', ids);
  const { judged } = await judgedOf(broker, options);
  const known = new Map(judged.map((each) => [each.instance.id, each]));
  const deleted: DeletedOrphan[] = [];
  for (const id of new Set(ids)) {
    const remove = known.get(id)?.remove;
    if (!remove) {
      const error = known.has(id)
        ? 'no record of this queue knows it: remove it in the console of its provider if it is yours'
        : 'it is no orphan any more: it is gone, in use, or being deleted';
      deleted.push({ novitaInstanceId: id, error });
      continue;
    }
    const outcome = await remove().then(
      (jobId) => ({ jobId }),
      (error: unknown) => ({ error: (error as Error).message }),
    );
    deleted.push({ novitaInstanceId: id, ...outcome });
  }
  return deleted;
}

async function judgedOf(broker: Broker, { provider: given, graceMs }: OrphanOptions) {
  checkInteger('graceMs', graceMs, 0, Number.MAX_SAFE_INTEGER);
  const { provider, parts } = accountsOf(given);
  /** As they were listed: the check keeps less of each. */
  const shown = new Map<string, Instance>();
  const source = {
    name: provider.name,
    async *list(filter: { namePrefix: string }, signal?: AbortSignal) {
      for await (const instance of provider.list(filter, signal)) {
        shown.set(instance.id, instance);
        yield instance;
      }
    },
  };
  const check = new InstanceCheck(broker, source, {
    graceMs: graceMs ?? DEFAULT_INSTANCE_GRACE_MS,
    looksOnce: true,
  });
  return { ...(await check.judge()), shown, parts };
}

interface Known {
  instance: Instance | undefined;
  entry: LedgerEntry | undefined;
  now: number;
  parts: readonly GpuProvider[];
}

function orphanOf(
  { instance: { id, name, status }, why, since, owner, remove }: JudgedInstance,
  { instance, entry, now, parts }: Known,
): Orphan {
  const isStopped = status === 'stopped' || status === 'preempted';
  const shownPrice = isStopped ? 0 : instance?.pricePerHour;
  // A create that failed may have made no entry; its record says at which price it was sent.
  const rental = owner && rentalOf(owner, { novitaInstanceId: id, owner: owner.id, parts, shown: instance });
  const asked = rental?.pricePerHour ?? null;
  const pricePerHour = shownPrice ?? entry?.changes.at(-1)?.pricePerHour ?? asked;
  const ageMs = Math.max(0, now - Date.parse(since));
  const sinceThen = pricePerHour === null ? null : costOfTime(pricePerHour, ageMs);
  return {
    novitaInstanceId: id,
    name,
    status,
    ...defined({ region: instance?.region ?? entry?.region }),
    why,
    since,
    deletable: remove !== undefined,
    pricePerHour,
    cost: entry && !hasUnknownPrice(entry) ? costOf(entry, now) : sinceThen,
  };
}
