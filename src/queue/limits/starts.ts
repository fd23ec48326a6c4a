/** The starts that count for a rate: pure functions that change a draft of a ledger. Times are milliseconds, by the broker's clock. */
import type { LimitSettings, RateLimit } from '../../jobs/limit.js';
import type { Ledger } from '../../wire/limit-message.js';

/**
 * A start counts for a little longer than the time of its rate: a handler may begin so much later than its start was noted, and the clocks
 * of workers may differ by the rest. So no time of the rate holds more starts than it allows, in whatever order they were noted: of those in
 * one, the last to be noted saw all others, and was one of `max` at most.
 */
const MARGIN = 0.025;
/** However short the time is: clocks differ, and machines are busy, by no less. */
const MIN_MARGIN_MS = 25;
const MAX_MARGIN_MS = 1_000;
const LATE_PART = 0.6;
/** Starts of a rate are kept in so many parts of its time, each counted from its end on. */
const PARTS = 256;
/**
 * How early permits of a rate are given at most, so that their jobs have reached a worker by then. Within the time of the rate, a job that is
 * late has room where it is: nobody counts on it yet.
 */
export const AHEAD_MS = 1_000;

export function windowOf({ perMs }: RateLimit): number {
  return perMs + Math.min(Math.max(perMs * MARGIN, MIN_MARGIN_MS), MAX_MARGIN_MS);
}

export function aheadOf({ rate }: LimitSettings): number {
  return rate ? Math.min(AHEAD_MS, rate.perMs / 2) : 0;
}

/** The same whatever is held: after all that have started or are to start. */
export function freeByTime(ledger: Ledger, nowMs: number): number {
  const { rate, closedUntil } = ledger;
  const atMs = Math.max(nowMs, closedUntil ?? 0);
  if (!rate) return atMs;
  let left = rate.max;
  for (const [startMs, count] of startsOf(ledger).reverse()) {
    left -= count;
    if (left <= 0) return Math.max(atMs, startMs + windowOf(rate));
  }
  return atMs;
}

/** When a job that was late may start: between others, where no time of the rates that holds it is full, or after them. */
export function startForLate(ledgers: readonly Ledger[], fromMs: number): number {
  const atMs = Math.max(fromMs, ...ledgers.map(({ closedUntil }) => closedUntil ?? 0));
  const isBetween = ledgers.every((ledger) => hasRoomAt(ledger, atMs));
  return isBetween ? atMs : Math.max(...ledgers.map((ledger) => freeByTime(ledger, atMs)));
}

/** The first time at which none of the rates is full, between what is noted or after it. */
export function firstRoom(ledgers: readonly Ledger[], fromMs: number): number {
  const atMs = Math.max(fromMs, ...ledgers.map(({ closedUntil }) => closedUntil ?? 0));
  const after = ledgers.flatMap((ledger) => {
    const { rate } = ledger;
    return rate ? startsOf(ledger).map(([startMs]) => startMs + windowOf(rate)) : [];
  });
  const times = [atMs, ...after.filter((ms) => ms > atMs).sort((a, b) => a - b)];
  return times.find((ms) => ledgers.every((ledger) => hasRoomAt(ledger, ms))) ?? atMs;
}

function hasRoomAt(ledger: Ledger, atMs: number): boolean {
  const { rate } = ledger;
  if (!rate) return true;
  const window = windowOf(rate);
  const near = startsOf(ledger).filter(([startMs]) => Math.abs(startMs - atMs) < window);
  const countFrom = (beginMs: number) =>
    near.reduce((sum, [startMs, count]) => {
      return startMs >= beginMs && startMs < beginMs + window ? sum + count : sum;
    }, 0);
  const begins = [atMs, ...near.map(([startMs]) => startMs).filter((startMs) => startMs <= atMs)];
  return begins.every((beginMs) => countFrom(beginMs) < rate.max);
}

/** What counts for the rate, also what is yet to come, oldest first. */
function startsOf({ starts, held }: Ledger): [atMs: number, count: number][] {
  const given = held.flatMap((permit): [number, number][] =>
    permit.given === undefined ? [] : [[permit.given, 1]],
  );
  return [...starts, ...given].sort(([a], [b]) => a - b);
}

function endOfPart({ perMs }: RateLimit, atMs: number): number {
  const part = Math.max(1, Math.floor(perMs / PARTS));
  return Math.ceil(atMs / part) * part;
}

/** A start that is to happen. */
export function noteStartAt(ledger: Ledger, startAtMs: number): void {
  if (!ledger.rate) return;
  const atMs = endOfPart(ledger.rate, startAtMs);
  const place = ledger.starts.findLastIndex(([each]) => each <= atMs);
  const last = ledger.starts[place];
  ledger.starts = [...ledger.starts];
  if (last?.[0] === atMs) ledger.starts[place] = [atMs, last[1] + 1];
  else ledger.starts.splice(place + 1, 0, [atMs, 1]);
}

/** Whether a start is too late to be the one that was noted: a part of the margin. */
export function isLateStart({ rate }: LimitSettings, notedMs: number, startedMs: number): boolean {
  return rate !== undefined && startedMs - notedMs > (windowOf(rate) - rate.perMs) * LATE_PART;
}

/** A start that was noted, and did not happen. */
export function takeBackStart(ledger: Ledger, startAtMs: number): void {
  if (!ledger.rate) return;
  const atMs = endOfPart(ledger.rate, startAtMs);
  ledger.starts = ledger.starts.flatMap(([each, count]): [number, number][] => {
    if (each !== atMs) return [[each, count]];
    return count > 1 ? [[each, count - 1]] : [];
  });
}
