/** The ledger as it is read: what was rented, and what it costs. */
import type { Broker } from '../broker/broker.js';
import { invalidOption } from '../jobs/errors.js';
import { excerptOf, quoted } from '../jobs/excerpt.js';
import { checkedTime, checkInteger } from '../jobs/numbers.js';
import { assertOptions, checkText, type OptionNames } from '../jobs/options.js';
import type { LedgerStatus } from '../wire/ledger-subjects.js';
import { costOf } from './cost.js';
import { type LedgerEntry, wasThereSince } from './ledger-entry.js';
import { LedgerStore } from './ledger-store.js';
import { LedgerView } from './ledger-view.js';
import { type LedgerSums, sumsOf } from './sums.js';

/** `running` and `stopped` are as the ledger knows it; `open` is both. */
export const LEDGER_STATUSES = ['running', 'stopped', 'open', 'ended'] as const;
export type ShownStatus = (typeof LEDGER_STATUSES)[number];

/** Which entries to list. What is left out fits each. */
export interface LedgerFilter {
  /** Only those of this account. */
  account?: string;
  provider?: string;
  /** Only those whose job has this tag. */
  tag?: string;
  status?: ShownStatus;
  /** Only those that were there at this time or later. */
  since?: Date | string;
  /** Most entries on a page, 1 to 1,000. Defaults to 100. */
  limit?: number;
  /** Where the page before ended. */
  cursor?: string;
}

export const LEDGER_FILTER: OptionNames<Required<LedgerFilter>> = {
  account: true,
  provider: true,
  tag: true,
  status: true,
  since: true,
  limit: true,
  cursor: true,
};

export interface LedgerPage {
  entries: LedgerEntry[];
  /** For the next page; absent at the end. */
  cursor?: string;
}

/** Of which sums are made: what was spent from a time until another one. */
export interface SpentQuery {
  account?: string;
  provider?: string;
  tag?: string;
  /** Defaults to the beginning of this UTC month. */
  since?: Date | string;
  /** Defaults to now. */
  until?: Date | string;
}

export const SPENT_QUERY: OptionNames<Required<SpentQuery>> = {
  account: true,
  provider: true,
  tag: true,
  since: true,
  until: true,
};

const PAGE = 500;
/** A filter that few entries fit ends its page short, with a cursor. */
const MOST_READ = 10_000;
const ORDER: readonly LedgerStatus[] = ['open', 'ended'];

/** `queue.instances.ledger`: everything that was rented, with what it costs. */
export class Ledger {
  readonly #broker: () => Promise<Broker>;
  readonly #view: LedgerView;

  /** @internal */
  constructor(broker: () => Promise<Broker>) {
    this.#broker = broker;
    this.#view = new LedgerView(broker);
  }

  /**
   * The entry of an instance, by the provider's id of it.
   * @returns undefined for one that the ledger does not know
   */
  async get(novitaInstanceId: string): Promise<LedgerEntry | undefined> {
    return new LedgerStore(await this.#broker()).find(novitaInstanceId);
  }

  /** What a job has rented, oldest first: mostly one instance. */
  async ofJob(jobId: string): Promise<LedgerEntry[]> {
    return new LedgerStore(await this.#broker()).ofJob(jobId);
  }

  /**
   * Entries, what is still there first; of those the ones that changed last.
   * @throws ValidationError `JETFLEET_OPTION_INVALID`
   */
  async list(filter: LedgerFilter = {}): Promise<LedgerPage> {
    assertOptions('filter', filter, LEDGER_FILTER);
    const { status, since, limit = 100, cursor } = filter;
    checkTexts(filter);
    checkInteger('limit', limit, 1, 1_000);
    if (status !== undefined && !LEDGER_STATUSES.includes(status))
      throw invalidOption(`status ${excerptOf(status)} must be one of ${LEDGER_STATUSES.join(', ')}`);
    const sinceMs = since === undefined ? 0 : checkedTime('since', since);
    const place = placeOf(cursor, status);
    return listed(new LedgerStore(await this.#broker()), { ...place, limit, sinceMs, filter });
  }

  /** What an instance has cost until a time, in 1/100,000 USD. @param now defaults to that of this process */
  costOf(entry: LedgerEntry, now: Date | number = Date.now()): number {
    return costOf(entry, Number(now));
  }

  /**
   * What was spent between two times, by account, tag and UTC day. The sum of an account's days is exactly what its instances have cost.
   * @throws ValidationError `JETFLEET_OPTION_INVALID`
   */
  async spent(query: SpentQuery = {}): Promise<LedgerSums> {
    assertOptions('query', query, SPENT_QUERY);
    checkTexts(query);
    const broker = await this.#broker();
    const nowMs = broker.clock.now();
    const untilMs = query.until === undefined ? nowMs : Math.min(checkedTime('until', query.until), nowMs);
    const sinceMs = query.since === undefined ? startOfMonth(nowMs) : checkedTime('since', query.since);
    if (sinceMs > untilMs) throw invalidOption('since must be before until, and before now');
    const entries = await this.#view.readOn(sinceMs);
    return sumsOf(
      entries.filter((entry) => fits(entry, query)),
      { sinceMs, untilMs },
    );
  }
}

function checkTexts({ account, provider, tag }: Pick<LedgerFilter, 'account' | 'provider' | 'tag'>): void {
  checkText('account', account);
  checkText('provider', provider);
  checkText('tag', tag);
}

function startOfMonth(nowMs: number): number {
  const now = new Date(nowMs);
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth());
}

interface Listing {
  filter: LedgerFilter;
  limit: number;
  sinceMs: number;
  /** The statuses that are left, the present one first, and before which sequence of that to go on. */
  statuses: LedgerStatus[];
  before: number;
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` for a cursor of another list */
function placeOf(
  cursor: string | undefined,
  status: ShownStatus | undefined,
): Pick<Listing, 'statuses' | 'before'> {
  const wanted = status === undefined ? ORDER : [status === 'ended' ? ('ended' as const) : ('open' as const)];
  if (cursor === undefined) return { statuses: [...wanted], before: Number.POSITIVE_INFINITY };
  const [, letter, digits] = /^([oe])(\d{1,15})$/.exec(cursor) ?? [];
  const at = wanted.findIndex((each) => each[0] === letter);
  if (at < 0)
    throw invalidOption(
      `cursor ${quoted(cursor)} is not of this list; pass the one of the page before, with the same filter`,
    );
  return { statuses: wanted.slice(at), before: Number(digits) };
}

async function listed(store: LedgerStore, { statuses, before, ...query }: Listing): Promise<LedgerPage> {
  const entries: LedgerEntry[] = [];
  let read = 0;
  for (const status of statuses) {
    for (let end = status === statuses[0] ? before : Number.POSITIVE_INFINITY; end > 0; ) {
      const page = await store.pageBefore(status, end, PAGE);
      for (const { entry, seq, timeMs } of page) {
        // What has ended was written then, or later.
        if (status === 'ended' && timeMs < query.sinceMs) return { entries };
        if (!entry || !isListed(entry, query)) continue;
        entries.push(entry);
        if (entries.length >= query.limit) return { entries, cursor: `${status[0]}${seq - 1}` };
      }
      read += page.length;
      end = (page.at(-1)?.seq ?? 1) - 1;
      if (page.length < PAGE) break;
      if (read >= MOST_READ) return { entries, cursor: `${status[0]}${end}` };
    }
  }
  return { entries };
}

function isListed(entry: LedgerEntry, { filter, sinceMs }: Pick<Listing, 'filter' | 'sinceMs'>): boolean {
  const { status } = filter;
  const isShown = status === undefined || status === 'open' || statusOf(entry) === status;
  return isShown && fits(entry, filter) && wasThereSince(entry, sinceMs);
}

function fits(
  entry: LedgerEntry,
  { account, provider, tag }: Pick<LedgerFilter, 'account' | 'provider' | 'tag'>,
) {
  return (
    (account === undefined || entry.account === account) &&
    (provider === undefined || entry.provider === provider) &&
    (tag === undefined || entry.tags.includes(tag))
  );
}

/** As it is shown: `open` never. */
export function statusOf({ endedAt, changes }: LedgerEntry): Exclude<ShownStatus, 'open'> {
  return endedAt === undefined ? (changes.at(-1)?.state ?? 'running') : 'ended';
}
