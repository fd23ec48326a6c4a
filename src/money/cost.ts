/** What instances cost, to the unit: changes of the price count from their time on, and stopped time costs nothing. */
import { chargedAmount } from '../jobs/amount.js';
import type { LedgerEntry } from './ledger-entry.js';

export const DAY_MS = 86_400_000;

/** What an instance has cost until a time, in ms since the epoch: no more than until its end. */
export function costOf(entry: LedgerEntry, nowMs: number): number {
  return new Meter(entry).costAt(nowMs);
}

/** Whether what it costs is not known, since nobody has said its price. */
export function hasUnknownPrice({ seen }: LedgerEntry): boolean {
  return seen.prices.length === 0;
}

/** What it costs for an hour as it is now; 0 where it has stopped or ended. */
export function ratePerHour({ changes, endedAt }: LedgerEntry): number {
  const last = changes.at(-1);
  return endedAt === undefined && last?.state === 'running' ? (last.pricePerHour ?? 0) : 0;
}

/** What it has cost on each UTC day from `fromMs` on. The days add up to what it has cost since then. */
export function costByDay(entry: LedgerEntry, fromMs: number, nowMs: number): Map<string, number> {
  const days = new Map<string, number>();
  const meter = new Meter(entry);
  const lastMs = Math.min(nowMs, endMsOf(entry));
  const firstMs = Math.max(fromMs, Date.parse(entry.rentedAt));
  let before = meter.costAt(firstMs);
  for (let ms = startOfDay(firstMs); ms <= lastMs; ms += DAY_MS) {
    const until = meter.costAt(Math.min(ms + DAY_MS, nowMs));
    if (until !== before) days.set(dayOf(ms), until - before);
    before = until;
  }
  return days;
}

/** The UTC day of a time: `2026-11-30`. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

export function startOfDay(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS;
}

/** A time at one price, of one run: what is billed of it is rounded up from when the run began. */
interface Piece {
  runFromMs: number;
  /** Until another price, or the end of the run. */
  untilMs: number;
  fromBilledMs: number;
  untilBilledMs: number;
  /** Null where no price is known. */
  pricePerHour: number | null;
}

/** So much billed time: what it costs before the division by an hour, and for how long no price is known. */
export interface Charge {
  exact: bigint;
  unpricedMs: number;
}

/** Reads what an entry has cost at one time after the other, each no earlier than the one before. */
export class Meter {
  readonly #firstPrice: number;
  readonly #billedMs: number;
  readonly #endMs: number;
  readonly #days: readonly FoldedDay[];
  readonly #pieces: readonly Piece[];
  #nextDay = 0;
  #nextPiece = 0;
  /** Of all days and pieces before the next ones. */
  #done: Charge = { exact: 0n, unpricedMs: 0 };

  constructor(entry: LedgerEntry) {
    // Nothing cheaper or dearer was known before the first price.
    this.#firstPrice = entry.seen.prices[0]?.pricePerHour ?? 0;
    this.#billedMs = entry.billedMs;
    this.#endMs = endMsOf(entry);
    this.#days = foldedDays(entry);
    this.#pieces = piecesOf(entry, this.#endMs);
  }

  costAt(ms: number): number {
    const { exact, unpricedMs } = this.chargeAt(ms);
    return chargedAmount(exact + BigInt(unpricedMs) * BigInt(this.#firstPrice));
  }

  chargeAt(ms: number): Charge {
    const atMs = Math.min(ms, this.#endMs);
    let day = this.#days[this.#nextDay];
    while (day && atMs >= day.untilMs) {
      this.#done = plus(this.#done, day);
      day = this.#days[++this.#nextDay];
    }
    if (day) return plus(this.#done, partOf(day, atMs));
    let piece = this.#pieces[this.#nextPiece];
    while (piece && atMs >= piece.untilMs) {
      this.#done = plus(this.#done, billedOf(piece, piece.untilBilledMs));
      piece = this.#pieces[++this.#nextPiece];
    }
    if (!piece) return this.#done;
    const billedMs = Math.min(roundedUp(piece.runFromMs, atMs, this.#billedMs), piece.untilBilledMs);
    return plus(this.#done, billedOf(piece, billedMs));
  }
}

function plus(a: Charge, b: Charge): Charge {
  return { exact: a.exact + b.exact, unpricedMs: a.unpricedMs + b.unpricedMs };
}

function billedOf({ fromBilledMs, pricePerHour }: Piece, untilMs: number): Charge {
  const ms = Math.max(0, untilMs - fromBilledMs);
  if (pricePerHour === null) return { exact: 0n, unpricedMs: ms };
  return { exact: BigInt(pricePerHour) * BigInt(ms), unpricedMs: 0 };
}

/** Each unit of time that the provider bills is charged as a whole, at the price of its beginning. */
function roundedUp(fromMs: number, ms: number, billedMs: number): number {
  return ms <= fromMs ? fromMs : fromMs + Math.ceil((ms - fromMs) / billedMs) * billedMs;
}

function endMsOf({ endedAt }: LedgerEntry): number {
  return endedAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(endedAt);
}

function piecesOf({ changes, earlier, billedMs }: LedgerEntry, endMs: number): Piece[] {
  const pieces: Piece[] = [];
  let runFromMs: number | undefined;
  changes.forEach(({ at, state, pricePerHour }, index) => {
    const fromMs = Date.parse(at);
    const next = changes[index + 1];
    const untilMs = Math.min(next ? Date.parse(next.at) : endMs, endMs);
    if (state === 'stopped' || fromMs >= endMs) {
      runFromMs = undefined;
      return;
    }
    // Of one that goes on after what was folded, the billed units go on as well.
    const isFolded = index === 0 && earlier?.runFrom !== undefined;
    runFromMs ??= isFolded ? Date.parse(earlier.runFrom as string) : fromMs;
    const fromBilledMs = roundedUp(runFromMs, fromMs, billedMs);
    const untilBilledMs = roundedUp(runFromMs, untilMs, billedMs);
    pieces.push({ runFromMs, untilMs, fromBilledMs, untilBilledMs, pricePerHour });
  });
  return pieces;
}

/** A day whose changes are not kept. */
interface FoldedDay extends Charge {
  fromMs: number;
  untilMs: number;
}

function foldedDays({ earlier, rentedAt }: LedgerEntry): FoldedDay[] {
  if (!earlier) return [];
  const { until, days, unpricedMs } = earlier;
  const folded: FoldedDay[] = [];
  const rentedMs = Date.parse(rentedAt);
  for (let ms = startOfDay(rentedMs); ms < Date.parse(until); ms += DAY_MS) {
    const day = dayOf(ms);
    const charge = { exact: BigInt(days[day] ?? '0'), unpricedMs: unpricedMs[day] ?? 0 };
    folded.push({ fromMs: Math.max(ms, rentedMs), untilMs: ms + DAY_MS, ...charge });
  }
  return folded;
}

/** Evenly, since when in a day its time was billed is not kept. */
function partOf({ fromMs, untilMs, exact, unpricedMs }: FoldedDay, atMs: number): Charge {
  const [part, whole] = [Math.floor(Math.max(0, atMs - fromMs)), untilMs - fromMs];
  return {
    exact: (exact * BigInt(part)) / BigInt(whole),
    unpricedMs: Math.floor((unpricedMs * part) / whole),
  };
}
