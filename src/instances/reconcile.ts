/** The ledger against what the providers show: where they differ, and what of that can be proven and written. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../broker/broker.js';
import { ownId } from '../gpu/instance-home.js';
import { INSTANCE_NAME_PREFIX } from '../gpu/instance-name.js';
import type { GpuProvider, Instance } from '../gpu/provider.js';
import { defined } from '../jobs/defined.js';
import { toJobError } from '../jobs/job-error.js';
import type { JobRecord } from '../jobs/job-record.js';
import { checkInteger, MAX_TIMER_MS } from '../jobs/numbers.js';
import { assertOptions, checkBoolean, type OptionNames } from '../jobs/options.js';
import { textField } from '../jobs/text-field.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { costOf } from '../money/cost.js';
import {
  type BilledState,
  type LedgerEntry,
  type LedgerNote,
  noted,
  openedEntry,
} from '../money/ledger-entry.js';
import { LedgerStore } from '../money/ledger-store.js';
import { ANY } from '../wire/subjects.js';
import { accountsOf } from './accounts.js';
import { DEFAULT_ACCOUNT, firstOf, rentalOf } from './ledger-keeper.js';
import { OwnerSearch } from './owner-search.js';

export interface ReconcileOptions {
  /** The accounts that are compared with the ledger. */
  provider: GpuProvider | readonly GpuProvider[];
  /** Writes into the ledger what is proven. Defaults to false: nothing is changed. */
  fix?: boolean;
  /** Whether instances that no record of this queue knows are left out, such as those of another queue on the account. Defaults to false. */
  ownOnly?: boolean;
  /** How long a provider must not know an instance before it counts as gone, in milliseconds. Defaults to 10,000. */
  settleMs?: number;
}

export const RECONCILE_OPTIONS: OptionNames<Required<ReconcileOptions>> = {
  provider: true,
  fix: true,
  ownOnly: true,
  settleMs: true,
};

/**
 * `missing`: it is there, and not in the ledger. `gone`: it runs by the ledger, and is not there. `back`: it has ended by the ledger, and is there.
 * The others: both know it, and say something else.
 */
export const DIFFERENCES = ['missing', 'gone', 'back', 'state', 'price', 'region'] as const;

export interface Difference {
  kind: (typeof DIFFERENCES)[number];
  provider: string;
  account: string;
  novitaInstanceId: string;
  name?: string;
  jobId?: string;
  /** What the ledger says; null where it says nothing. Prices are 1/100,000 USD for an hour. */
  ledger: string | number | null;
  /** What the provider says; null where it says nothing. */
  shown: string | number | null;
  /** What it has cost by the ledger. */
  cost?: number;
  /** Whether the ledger says now what the provider does. */
  fixed: boolean;
  /** Why it cannot be fixed. */
  why?: string;
}

export interface Reconciliation {
  /** Whether the ledger says what all of the accounts do, after what was fixed. */
  agrees: boolean;
  accounts: {
    provider: string;
    account: string;
    /** Instances of ours that its list shows, and entries of its that are open. */
    listed: number;
    open: number;
    /** Why it could not be compared. */
    error?: string;
  }[];
  differences: Difference[];
  /** Open entries of accounts that were not asked. */
  unchecked: number;
}

const DEFAULT_SETTLE_MS = 10_000;
/** An absence is read so often. */
const READS = 3;
const ALL = { provider: ANY, id: ANY, jobId: ANY } as const;

/**
 * Compares the ledger with the list of each account.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`; BrokerError
 */
export async function reconcile(broker: Broker, options: ReconcileOptions): Promise<Reconciliation> {
  assertOptions('options', options, RECONCILE_OPTIONS);
  const { fix = false, ownOnly = false, settleMs = DEFAULT_SETTLE_MS } = options;
  checkBoolean('fix', fix);
  checkBoolean('ownOnly', ownOnly);
  checkInteger('settleMs', settleMs, 0, MAX_TIMER_MS);
  const { parts } = accountsOf(options.provider);
  const store = new LedgerStore(broker);
  const search = new OwnerSearch(broker);
  const result: Reconciliation = { agrees: true, accounts: [], differences: [], unchecked: 0 };
  // Read before the lists: what is rented meanwhile is in no entry, and has a create job under way.
  const open = await store.all({ status: 'open', ...ALL });
  const checked = new Set<LedgerEntry>();
  for (const part of parts) {
    const comparison = new Comparison({ broker, store, search, part, parts, settleMs, fix, ownOnly });
    const { entries, account, differences } = await comparison.run(open);
    for (const entry of entries) checked.add(entry);
    result.accounts.push(account);
    result.differences.push(...differences);
  }
  result.unchecked = open.filter((entry) => !checked.has(entry)).length;
  result.agrees =
    result.accounts.every(({ error }) => error === undefined) &&
    result.differences.every(({ fixed }) => fixed);
  return result;
}

interface ComparisonOptions {
  broker: Broker;
  store: LedgerStore;
  search: OwnerSearch;
  part: GpuProvider;
  parts: readonly GpuProvider[];
  settleMs: number;
  fix: boolean;
  ownOnly: boolean;
}

/** Of one account. */
class Comparison {
  readonly #options: ComparisonOptions;
  readonly #differences: Difference[] = [];

  constructor(options: ComparisonOptions) {
    this.#options = options;
  }

  async run(open: readonly LedgerEntry[]) {
    const { part } = this.#options;
    const account = part.account ?? DEFAULT_ACCOUNT;
    const named = { provider: part.name, account };
    try {
      const listed = await this.#listed();
      // An account whose key was changed has another name, and shows the same instances.
      const entries = open.filter(
        (entry) => entry.provider === part.name && (entry.account === account || listed.has(entry.id)),
      );
      const absent: LedgerEntry[] = [];
      const unknown = new Map(listed);
      for (const entry of entries) {
        const instance = listed.get(entry.id);
        unknown.delete(entry.id);
        if (instance) await this.#compare(entry, instance);
        else absent.push(entry);
      }
      await this.#findGone(absent);
      await this.#findMissing([...unknown.values()]);
      const shown = { ...named, listed: listed.size, open: entries.length };
      return { entries, account: shown, differences: this.#differences };
    } catch (error) {
      const shown = { ...named, listed: 0, open: 0, error: toJobError(error).message };
      return { entries: [], account: shown, differences: this.#differences };
    }
  }

  /** By their ids as the provider alone knows them. */
  async #listed(): Promise<Map<string, Instance>> {
    const { part } = this.#options;
    const listed = new Map<string, Instance>();
    for await (const instance of part.list({ namePrefix: INSTANCE_NAME_PREFIX })) {
      const { id, status } = instance;
      if (!isEnding(status)) listed.set(ownId(part.name, id), instance);
    }
    return listed;
  }

  async #compare(entry: LedgerEntry, instance: Instance): Promise<void> {
    const { region, pricePerHour, status } = instance;
    const at = this.#now;
    const last = entry.changes.at(-1);
    const state = billedState(status);
    if (state !== undefined && last && last.state !== state) {
      await this.#differ('state', entry, { ledger: last.state, shown: state }, { what: 'state', at, state });
    }
    if (pricePerHour !== undefined && last && last.pricePerHour !== pricePerHour && state === 'running') {
      const values = { ledger: last.pricePerHour, shown: pricePerHour };
      await this.#differ('price', entry, values, { what: 'price', at, pricePerHour });
    }
    if (region !== undefined && entry.region !== region) {
      await this.#differ('region', entry, { ledger: entry.region ?? null, shown: region }, (before) => ({
        ...before,
        region,
      }));
    }
  }

  /** Entries that the list does not show: it proves nothing, and neither does one read. */
  async #findGone(entries: readonly LedgerEntry[]): Promise<void> {
    const { part, settleMs } = this.#options;
    let absent = [...entries];
    let since = this.#now;
    for (let reads = 1; reads <= READS && absent.length > 0; reads++) {
      if (reads > 1) await delay(settleMs / (READS - 1));
      const left: LedgerEntry[] = [];
      for (const entry of absent) {
        const instance = await part.get(this.#idAt(entry));
        if (instance && instance.status !== 'terminated') await this.#compare(entry, instance);
        else left.push(entry);
      }
      if (reads === 1) since = this.#now;
      absent = left;
    }
    for (const entry of absent) {
      const values = { ledger: entry.changes.at(-1)?.state ?? null, shown: null };
      await this.#differ('gone', entry, values, { what: 'ended', at: since, end: 'gone' });
    }
  }

  /** As the part names it. */
  #idAt({ novitaInstanceId, id }: LedgerEntry): string {
    const { part, parts } = this.#options;
    return parts.length > 1 ? `${part.name}:${id}` : ownId(part.name, novitaInstanceId);
  }

  /** Instances that no open entry knows. */
  async #findMissing(instances: readonly Instance[]): Promise<void> {
    const { search, store, ownOnly } = this.#options;
    if (instances.length === 0) return;
    const owners = await search.find(new Set(instances.map(({ name }) => name)));
    for (const instance of instances) {
      const entry = await store.find(instance.id);
      const owner = owners.get(instance.name);
      if (entry && entry.endedAt === undefined) continue;
      if (entry?.endedAt !== undefined) await this.#findBack(entry, instance);
      else if (owner) await this.#findOwned(owner, instance);
      else if (!ownOnly) this.#note(instance, { why: 'no record of this queue knows it' });
    }
  }

  /** One that ended a moment ago may still be listed: it is read by its id. */
  async #findBack(entry: LedgerEntry, listed: Instance): Promise<void> {
    const { part, store } = this.#options;
    const instance = await part.get(listed.id);
    if (!instance || isEnding(instance.status)) return;
    const values = { ledger: entry.endedAt ?? null, shown: instance.status };
    await this.#differ('back', entry, values, { what: 'back', at: this.#now });
    const opened = await store.find(entry.novitaInstanceId);
    if (opened && opened.endedAt === undefined) await this.#compare(opened, listed);
  }

  async #findOwned(owner: JobRecord, instance: Instance): Promise<void> {
    const { broker, store, parts, fix } = this.#options;
    // Its create job is about to make the entry.
    if (!isTerminal(owner.status)) return;
    const first = fix ? await firstOf(broker, owner) : owner.id;
    const rental = rentalOf(owner, { novitaInstanceId: instance.id, owner: first, parts });
    if (!rental) return;
    const shown = { pricePerHour: rental.pricePerHour ?? instance.pricePerHour ?? null };
    // A record of an earlier version does not say when.
    const isTimed = textField(owner.checkpoint, 'sentAt') !== undefined;
    const rentedAt = isTimed ? rental.rentedAt : (instance.createdAt ?? rental.rentedAt);
    if (fix) {
      await store.change(rental, (before) => before ?? openedEntry({ ...rental, ...shown, rentedAt }));
    }
    this.#note(instance, { jobId: owner.id, fixed: fix });
  }

  #note({ id, name, status }: Instance, { fixed = false, ...more }: Partial<Difference>): void {
    const { name: provider, account = DEFAULT_ACCOUNT } = this.#options.part;
    const known = { kind: 'missing', provider, account, novitaInstanceId: id, name } as const;
    this.#differences.push({ ...known, ledger: null, shown: status, fixed, ...more });
  }

  async #differ(
    kind: Difference['kind'],
    entry: LedgerEntry,
    values: Pick<Difference, 'ledger' | 'shown'>,
    change: LedgerNote | ((before: LedgerEntry) => LedgerEntry),
  ): Promise<void> {
    const { fix, store, broker } = this.#options;
    const changed = (before: LedgerEntry) =>
      typeof change === 'function' ? change(before) : noted(before, change);
    if (fix) await store.change(entry, (before) => before && changed(before));
    const { provider, account, novitaInstanceId, name, jobId } = entry;
    const known = { kind, provider, account, novitaInstanceId, ...defined({ name, jobId }) };
    this.#differences.push({ ...known, ...values, cost: costOf(entry, broker.clock.now()), fixed: fix });
  }

  get #now(): string {
    return new Date(this.#options.broker.clock.now()).toISOString();
  }
}

function isEnding(status: Instance['status']): boolean {
  return status === 'terminated' || status === 'terminating';
}

/** Undefined for a status that says nothing of what is billed. */
function billedState(status: Instance['status']): BilledState | undefined {
  if (status === 'stopped' || status === 'preempted') return 'stopped';
  return status === 'running' || status === 'provisioning' || status === 'pending' ? 'running' : undefined;
}
