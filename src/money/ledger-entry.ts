/** One rented instance as the ledger holds it: what was seen of it, and what follows from that. */

/** `running`: it is paid for; `stopped`: its provider has stopped or reclaimed it, and it costs nothing but its disk. */
export const BILLED_STATES = ['running', 'stopped'] as const;
export type BilledState = (typeof BILLED_STATES)[number];

/** How an instance ended: by a job of ours, outside of Jetfleet, by its provider as a spot instance, or by the watchdog of its lease. */
export const LEDGER_ENDS = ['deleted', 'gone', 'reclaimed', 'watchdog'] as const;
export type LedgerEnd = (typeof LEDGER_ENDS)[number];

/** What was seen of an instance: each fact once, oldest first. Times are ISO 8601 with milliseconds. */
export interface LedgerSeen {
  /** It was there, in this state. */
  states: { at: string; state: BilledState }[];
  /** Of all its GPUs, in 1/100,000 USD. */
  prices: { at: string; pricePerHour: number }[];
  /** It was not there from `at` on, as was proven at `provenAt`. */
  ends: { at: string; provenAt: string; end: LedgerEnd }[];
  /** When its provider took it back, or announced to: the last time. */
  interruptedAt?: string;
}

/** What changes before `until`, a midnight, have cost on each UTC day, in place of these changes. */
export interface LedgerDays {
  until: string;
  /** 1/100,000 USD for an hour, times milliseconds. */
  days: Record<string, string>;
  /** Milliseconds for which no price was known then: they cost the first one that is. */
  unpricedMs: Record<string, number>;
  /** Since when it runs that runs at `until`: what is billed is rounded from there. */
  runFrom?: string;
}

/** An instance, by the ids of its provider and of its jobs. Times are ISO 8601. */
export interface RentedInstance {
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
}

/** An entry as LEDGER has it. */
export interface StoredEntry extends RentedInstance {
  v: 1;
  seen: LedgerSeen;
  earlier?: LedgerDays;
  /** As it follows from `seen`, for other readers. */
  endedAt?: string;
  end?: LedgerEnd;
}

/** From a time on. */
export interface LedgerChange {
  at: string;
  state: BilledState;
  /** Null where it is not known. */
  pricePerHour: number | null;
}

/** What is known of an instance. `changes`, `endedAt` and `end` follow from `seen`. */
export interface LedgerEntry extends StoredEntry {
  /** Oldest first; the first one is of when it was rented, or of `earlier.until`. */
  changes: LedgerChange[];
}

/** Something that was seen of an instance. */
export type LedgerNote =
  | { what: 'state'; at: string; state: BilledState }
  | { what: 'price'; at: string; pricePerHour: number }
  | { what: 'interrupted'; at: string }
  | { what: 'ended'; at: string; provenAt: string; end: LedgerEnd };

/** What is known of an instance that was rented. */
export interface Rental extends RentedInstance {
  /** As its create was sent; null where it is not known. */
  pricePerHour: number | null;
}

/** Whether an instance was there at a time or later. */
export function wasThereSince({ endedAt }: LedgerEntry, sinceMs: number): boolean {
  return endedAt === undefined || Date.parse(endedAt) >= sinceMs;
}
