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
import { isTerminal } from '../jobs/vocabulary.js';
import { costOf } from '../money/cost.js';
import type { BilledState, LedgerEntry, LedgerNote } from '../money/ledger-entry.js';
import { LedgerStore } from '../money/ledger-store.js';
import { noted, openedEntry } from '../money/noted-entry.js';
import { ANY } from '../wire/subjects.js';
import { accountsOf } from './accounts.js';
import { isEnding } from './ending.js';
import type { KnownInstance } from './instance-directory.js';
import { OwnerSearch } from './owner-search.js';
import { notesOfRecords } from './record-notes.js';
import { DEFAULT_ACCOUNT, firstOf, rentalOf } from './rental.js';

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
  return compareLedger(broker, { parts, fix, ownOnly, settleMs });
}

/** What a list shows of an instance. */
type Listed = KnownInstance & Pick<Instance, 'region' | 'pricePerHour'>;

export interface CompareOptions {
  parts: readonly GpuProvider[];
  fix: boolean;
  ownOnly: boolean;
  settleMs: number;
  /** The instances of a part with names of ours. Defaults to its list, read now. */
  listOf?: (part: GpuProvider) => Iterable<Listed> | AsyncIterable<Listed>;
  /** How long an entry is kept that has ended. */
  keepMs?: number | undefined;
  /** Remembers what no record knows. Defaults to a new one. */
  search?: OwnerSearch;
  signal?: AbortSignal;
}

export async function compareLedger(broker: Broker, options: CompareOptions): Promise<Reconciliation> {
  const { search = new OwnerSearch(broker), keepMs } = options;
  const store = new LedgerStore(broker, keepMs);
  const result: Reconciliation = { agrees: true, accounts: [], differences: [], unchecked: 0 };
  // Read before the lists: what is rented meanwhile is in no entry, and has a create job under way.
  const open = await store.all({ status: 'open', ...ALL });
  const checked = new Set<LedgerEntry>();
  for (const part of options.parts) {
    const comparison = new Comparison({ ...options, broker, store, search, part });
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

interface ComparisonOptions extends CompareOptions {
  broker: Broker;
  store: LedgerStore;
  search: OwnerSearch;
  part: GpuProvider;
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
      this.#options.signal?.throwIfAborted();
      const shown = { ...named, listed: 0, open: 0, error: toJobError(error).message };
      return { entries: [], account: shown, differences: this.#differences };
    }
  }

  /** By their ids as the provider alone knows them. */
  async #listed(): Promise<Map<string, Listed>> {
    const {
      part,
      signal,
      listOf = () => part.list({ namePrefix: INSTANCE_NAME_PREFIX }, signal),
    } = this.#options;
    const listed = new Map<string, Listed>();
    for await (const instance of listOf(part)) {
      const { id, status } = instance;
      if (!isEnding(status)) listed.set(ownId(part.name, id), instance);
    }
    return listed;
  }

  async #compare(entry: LedgerEntry, instance: Listed): Promise<void> {
    const { region, pricePerHour, status } = instance;
    const at = this.#now;
    const last = entry.changes.at(-1);
    const state = billedState(status);
    if (state !== undefined && last && last.state !== state) await this.#compareState(entry, last.state);
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

  /** A list may be older than what the ledger says: a read decides. */
  async #compareState(entry: LedgerEntry, before: BilledState): Promise<void> {
    const { part, signal } = this.#options;
    const at = this.#now;
    const read = await part.get(this.#idAt(entry), signal);
    const state = read ? billedState(read.status) : undefined;
    if (state === undefined || state === before) return;
    await this.#differ('state', entry, { ledger: before, shown: state }, { what: 'state', at, state });
  }

  /** Entries that the list does not show: it proves nothing, and neither does one read. */
  async #findGone(entries: readonly LedgerEntry[]): Promise<void> {
    const { broker, part, settleMs, signal } = this.#options;
    let absent = [...entries];
    let since = this.#now;
    for (let reads = 1; reads <= READS && absent.length > 0; reads++) {
      if (reads > 1) await delay(settleMs / (READS - 1), undefined, { signal });
      const left: LedgerEntry[] = [];
      for (const entry of absent) {
        const instance = await part.get(this.#idAt(entry), signal);
        if (instance && instance.status !== 'terminated') await this.#compare(entry, instance);
        else left.push(entry);
      }
      if (reads === 1) since = this.#now;
      absent = left;
    }
    const provenAt = this.#now;
    // A job may have proven it earlier, and how it ended, whose worker could not write that.
    for (const [entry, notes] of await notesOfRecords(broker, absent)) {
      const values = { ledger: entry.changes.at(-1)?.state ?? null, shown: null };
      const gone: LedgerNote = { what: 'ended', at: since, provenAt, end: 'gone' };
      await this.#differ('gone', entry, values, ...notes, gone);
    }
  }

  /** As the part names it. */
  #idAt({ novitaInstanceId, id }: LedgerEntry): string {
    const { part, parts } = this.#options;
    return parts.length > 1 ? `${part.name}:${id}` : ownId(part.name, novitaInstanceId);
  }

  /** Instances that no open entry knows. */
  async #findMissing(instances: readonly Listed[]): Promise<void> {
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
  async #findBack(entry: LedgerEntry, listed: Listed): Promise<void> {
    const { part, store, signal } = this.#options;
    const at = this.#now;
    const instance = await part.get(listed.id, signal);
    if (!instance || isEnding(instance.status)) return;
    const values = { ledger: entry.endedAt ?? null, shown: instance.status };
    const state = billedState(instance.status) ?? 'running';
    await this.#differ('back', entry, values, { what: 'state', at, state });
    const opened = await store.find(entry.novitaInstanceId);
    if (opened && opened.endedAt === undefined) await this.#compare(opened, listed);
  }

  async #findOwned(owner: JobRecord, listed: Listed): Promise<void> {
    const { broker, store, part, parts, fix, signal } = this.#options;
    // Its create job is about to make the entry.
    if (!isTerminal(owner.status)) return;
    const shown = await part.get(listed.id, signal);
    if (!shown || isEnding(shown.status)) return;
    if (fix) {
      const first = await firstOf(broker, owner);
      const rental = rentalOf(owner, { novitaInstanceId: listed.id, owner: first, parts, shown });
      await store.change(rental, (before) => before ?? openedEntry(rental));
    }
    this.#note(listed, { jobId: owner.id, fixed: fix });
  }

  #note({ id, name, status }: Listed, { fixed = false, ...more }: Partial<Difference>): void {
    const { name: provider, account = DEFAULT_ACCOUNT } = this.#options.part;
    const known = { kind: 'missing', provider, account, novitaInstanceId: id, name } as const;
    this.#differences.push({ ...known, ledger: null, shown: status, fixed, ...more });
  }

  async #differ(
    kind: Difference['kind'],
    entry: LedgerEntry,
    values: Pick<Difference, 'ledger' | 'shown'>,
    ...changes: (LedgerNote | ((before: LedgerEntry) => LedgerEntry))[]
  ): Promise<void> {
    const { fix, store, broker } = this.#options;
    const changed = (before: LedgerEntry, change: (typeof changes)[number]) =>
      typeof change === 'function' ? change(before) : (noted(before, change) ?? before);
    if (fix) {
      await store.change(entry, (before) => {
        const after = before && changes.reduce(changed, before);
        return after === before ? undefined : after;
      });
    }
    const { provider, account, novitaInstanceId, name, jobId } = entry;
    const known = { kind, provider, account, novitaInstanceId, ...defined({ name, jobId }) };
    this.#differences.push({ ...known, ...values, cost: costOf(entry, broker.clock.now()), fixed: fix });
  }

  get #now(): string {
    return new Date(this.#options.broker.clock.now()).toISOString();
  }
}

/** Undefined for a status that says nothing of what is billed. */
function billedState(status: Instance['status']): BilledState | undefined {
  if (status === 'stopped' || status === 'preempted') return 'stopped';
  return status === 'running' || status === 'provisioning' || status === 'pending' ? 'running' : undefined;
}
