/** One rented instance as the ledger holds it: what it costs follows from nothing else. */
import { defined } from '../jobs/defined.js';

/** `running`: it is paid for; `stopped`: its provider has stopped or reclaimed it, and it costs nothing but its disk. */
export type BilledState = 'running' | 'stopped';

/** How an instance ended: by a job of ours, outside of Jetfleet, by its provider as a spot instance, or by the watchdog of its lease. */
export const LEDGER_ENDS = ['deleted', 'gone', 'reclaimed', 'watchdog'] as const;
export type LedgerEnd = (typeof LEDGER_ENDS)[number];

/** From a time on. */
export interface LedgerChange {
  /** ISO 8601. */
  at: string;
  state: BilledState;
  /** Of all its GPUs, in 1/100,000 USD; null where it is not known. */
  pricePerHour: number | null;
}

/** An instance, by the ids of its provider and of its jobs. Times are ISO 8601. */
export interface LedgerEntry {
  v: 1;
  provider: string;
  /** The account of the provider, as limits name it. */
  account: string;
  /** As the provider alone knows it. */
  id: string;
  /** As jobs name it. */
  novitaInstanceId: string;
  /** Its name at the provider. */
  name?: string;
  /** The caller's id of it. */
  instanceId?: string;
  /** The `create_instance` job that rented it. */
  jobId?: string;
  /** The job with which the operation began that `jobId` belongs to. */
  owner?: string;
  tags: string[];
  region?: string;
  productId?: string;
  gpuNum?: number;
  billingMode?: string;
  /** What the provider bills is rounded up to so much time. */
  billedMs: number;
  /** When its create was sent. */
  rentedAt: string;
  /** Oldest first; the first one is of when it was rented, or of `earlier.until`. */
  changes: LedgerChange[];
  /** What changes before cost, which are not kept one by one: as {@link Charge.exact}, and by UTC day. */
  earlier?: {
    until: string;
    exact: string;
    days: Record<string, number>;
    /** Since when it runs that runs at `until`: what is billed is rounded from there. */
    runFrom?: string;
  };
  /** When its state was last seen as the newest change says it: what is noted later but was seen before says nothing of now. */
  seenAt?: string;
  /** When its provider took it back, or announced to. */
  interruptedAt?: string;
  /** When it was not there any more while its lease had not been renewed in time. */
  lapsedAt?: string;
  endedAt?: string;
  end?: LedgerEnd;
}

/** Something that was seen of an instance. */
export type LedgerNote =
  | { what: 'state'; at: string; state: BilledState }
  | { what: 'price'; at: string; pricePerHour: number }
  | { what: 'interrupted'; at: string }
  | { what: 'lapsed'; at: string }
  | { what: 'ended'; at: string; end: LedgerEnd }
  /** It is there after all, at a time after its end. */
  | { what: 'back'; at: string };

/** What is known of an instance that was rented. */
export type Rental = Omit<LedgerEntry, 'v' | 'changes' | 'earlier'> & { pricePerHour: number | null };

/** The entry of an instance that was just rented. */
export function openedEntry({ pricePerHour, ...rental }: Rental): LedgerEntry {
  const first: LedgerChange = { at: rental.rentedAt, state: 'running', pricePerHour };
  return { v: 1, ...rental, changes: [first] };
}

/**
 * An entry for which more is known than before: what it says already stays, but that nothing was known.
 * @returns undefined where that changes nothing
 */
export function completedEntry(entry: LedgerEntry, rental: Rental): LedgerEntry | undefined {
  const { pricePerHour, ...known } = rental;
  const missing = Object.entries(defined(known)).filter(
    ([name]) => entry[name as keyof LedgerEntry] === undefined,
  );
  const lacksPrice = pricePerHour !== null && entry.changes.some((each) => each.pricePerHour === null);
  const lacksTags = entry.jobId === undefined && rental.tags.length > 0;
  if (missing.length === 0 && !lacksPrice && !lacksTags) return undefined;
  const changes = entry.changes.map((each) => ({ ...each, pricePerHour: each.pricePerHour ?? pricePerHour }));
  return { ...entry, ...Object.fromEntries(missing), changes, ...(lacksTags && { tags: rental.tags }) };
}

/** Whether an instance was there at a time or later. */
export function wasThereSince({ endedAt }: LedgerEntry, sinceMs: number): boolean {
  return endedAt === undefined || Date.parse(endedAt) >= sinceMs;
}

/** Which of two ends is the more exact: what was deleted by us is also gone. */
const RANK: readonly LedgerEnd[] = ['gone', 'reclaimed', 'watchdog', 'deleted'];

/** What an entry is after something was seen; undefined where that is no news. The same note twice changes nothing. */
export function noted(entry: LedgerEntry, note: LedgerNote): LedgerEntry | undefined {
  switch (note.what) {
    case 'state':
      return withState(entry, note.at, note.state);
    case 'price':
      return withPrice(entry, note.at, note.pricePerHour);
    case 'interrupted':
      return entry.interruptedAt === undefined ? { ...entry, interruptedAt: note.at } : undefined;
    case 'lapsed':
      return entry.lapsedAt === undefined ? withEnd({ ...entry, lapsedAt: note.at }, entry.end) : undefined;
    case 'ended':
      return ended(entry, note.at, note.end);
    case 'back':
      return returned(entry, note.at);
  }
}

/**
 * A state, at its own time: notes come late where the broker was slow. One of before the newest change of the state fills in what was
 * before it; where only the same state was seen since, it ended when that was seen.
 */
function withState(entry: LedgerEntry, at: string, state: BilledState): LedgerEntry | undefined {
  const { changes, endedAt, seenAt } = entry;
  const newest = changes.findLast((each, index) => each.state !== changes[index - 1]?.state);
  if (!newest || endedAt !== undefined) return undefined;
  const knownAt = seenAt !== undefined && seenAt > newest.at ? seenAt : newest.at;
  const before = asAt(changes, at)?.state;
  if (at > knownAt && before === state) return { ...entry, seenAt: at };
  if (at > knownAt) return { ...entry, changes: stateFrom(changes, state, at) };
  if (at <= (changes[0]?.at ?? at) || at === knownAt || before === state) return undefined;
  const untilAt = changes.find((each) => each.at > at && each.state !== before)?.at ?? knownAt;
  return { ...entry, changes: stateFrom(changes, state, at, untilAt) };
}

/** Changes with a state from a time on, until another time or for good. Prices stay as they are. */
function stateFrom(
  changes: readonly LedgerChange[],
  state: BilledState,
  at: string,
  untilAt?: string,
): LedgerChange[] {
  const after = changes.filter((each) => each.at > at);
  const isIn = (each: LedgerChange) => untilAt === undefined || each.at < untilAt;
  return [
    ...changes.filter((each) => each.at < at),
    { ...(asAt(changes, at) as LedgerChange), at, state },
    ...after.filter(isIn).map((each) => ({ ...each, state })),
    ...(untilAt === undefined ? [] : [{ ...(asAt(changes, untilAt) as LedgerChange), at: untilAt }]),
    ...after.filter((each) => untilAt !== undefined && each.at > untilAt),
  ];
}

function asAt(changes: readonly LedgerChange[], at: string): LedgerChange | undefined {
  return changes.findLast((each) => each.at <= at);
}

function withPrice(entry: LedgerEntry, at: string, pricePerHour: number): LedgerEntry | undefined {
  const { changes, endedAt } = entry;
  const last = changes.at(-1);
  // What is late says nothing new, but for what was not known at all.
  if (!last || endedAt !== undefined || pricePerHour === last.pricePerHour) return undefined;
  if (last.pricePerHour === null) {
    // Nothing cheaper or dearer was known before.
    const known = changes.map((each) => ({ ...each, pricePerHour: each.pricePerHour ?? pricePerHour }));
    return { ...entry, changes: known };
  }
  const next = { ...last, pricePerHour, at: at > last.at ? at : last.at };
  return { ...entry, changes: next.at === last.at ? [...changes.slice(0, -1), next] : [...changes, next] };
}

function ended(entry: LedgerEntry, at: string, end: LedgerEnd): LedgerEntry | undefined {
  if (entry.endedAt === undefined)
    return withEnd({ ...entry, endedAt: at > earliestEnd(entry) ? at : earliestEnd(entry) }, end);
  const endedAt = at < entry.endedAt && at >= earliestEnd(entry) ? at : entry.endedAt;
  const after = withEnd({ ...entry, endedAt }, end);
  return after.end === entry.end && endedAt === entry.endedAt ? undefined : after;
}

/** Of what was folded only the sums are known. */
function earliestEnd({ earlier, rentedAt }: LedgerEntry): string {
  return earlier?.until ?? rentedAt;
}

/** The end as far as all that is known says. */
function withEnd(entry: LedgerEntry, end: LedgerEnd | undefined): LedgerEntry {
  if (end === undefined) return entry;
  const known: LedgerEnd[] = [end, ...(entry.end ? [entry.end] : [])];
  if (entry.interruptedAt !== undefined) known.push('reclaimed');
  if (entry.lapsedAt !== undefined) known.push('watchdog');
  const best = known.reduce((a, b) => (RANK.indexOf(b) > RANK.indexOf(a) ? b : a));
  return { ...entry, end: best };
}

function returned(entry: LedgerEntry, at: string): LedgerEntry | undefined {
  const { endedAt, end: _, lapsedAt: __, ...rest } = entry;
  return endedAt !== undefined && at > endedAt ? rest : undefined;
}
