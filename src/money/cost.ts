/** What instances cost, to the unit: changes of the price count from their time on, and stopped time costs nothing. */
import { Charge } from '../jobs/amount.js';
import type { LedgerEntry } from './ledger-entry.js';

const DAY_MS = 86_400_000;

/** One time without a stop, and its prices. */
interface Run {
  fromMs: number;
  toMs: number;
  prices: { fromMs: number; pricePerHour: number }[];
}

/** What an instance has cost until a time, in ms since the epoch: no more than until its end. */
export function costOf(entry: LedgerEntry, nowMs: number): number {
  const { earlier } = entry;
  if (earlier && nowMs < Date.parse(earlier.until)) {
    // Within a day, evenly: when in it is not kept.
    const part = (day: string) => Math.min(1, (nowMs - dayMs(day)) / DAY_MS);
    const before = Object.entries(earlier.days).filter(([day]) => dayMs(day) < nowMs);
    return before.reduce((sum, [day, amount]) => sum + Math.floor(amount * part(day)), 0);
  }
  return chargeOf(entry, nowMs).amount;
}

/** The same before it is rounded. */
export function chargeOf(entry: LedgerEntry, nowMs: number): Charge {
  const charge = new Charge();
  if (entry.earlier) charge.addExact(entry.earlier.exact);
  for (const run of runsOf(entry, nowMs)) addRun(charge, run, entry.billedMs);
  return charge;
}

/** Whether a part of its cost is not known, since nobody has said its price. */
export function hasUnknownPrice({ changes }: LedgerEntry): boolean {
  return changes.some(({ state, pricePerHour }) => state === 'running' && pricePerHour === null);
}

/** What it costs for an hour as it is now; 0 where it has stopped or ended. */
export function ratePerHour({ changes, endedAt }: LedgerEntry): number {
  const last = changes.at(-1);
  return endedAt === undefined && last?.state === 'running' ? (last.pricePerHour ?? 0) : 0;
}

/** What it has cost on each UTC day from `fromMs` on. The days add up to what it has cost since then. */
export function costByDay(entry: LedgerEntry, fromMs: number, nowMs: number): Map<string, number> {
  const days = new Map<string, number>();
  const firstMs = Math.max(fromMs, Date.parse(entry.rentedAt));
  const lastMs = Math.min(nowMs, entry.endedAt === undefined ? nowMs : Date.parse(entry.endedAt));
  let before = fromMs <= Date.parse(entry.rentedAt) ? 0 : costOf(entry, fromMs);
  for (let ms = startOfDay(firstMs); ms <= lastMs; ms += DAY_MS) {
    const until = costOf(entry, Math.min(ms + DAY_MS, nowMs));
    if (until !== before) days.set(dayOf(ms), until - before);
    before = until;
  }
  return days;
}

/** The UTC day of a time: `2026-11-30`. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** When the time without a stop began that goes on at a change of its price; undefined where none does. */
export function runBeginOf(entry: LedgerEntry, at: string): string | undefined {
  const atMs = Date.parse(at);
  const run = runsOf({ ...entry, endedAt: undefined }, atMs + 1).find(
    ({ fromMs, toMs }) => fromMs < atMs && atMs < toMs,
  );
  return run && new Date(run.fromMs).toISOString();
}

function dayMs(day: string): number {
  return Date.parse(`${day}T00:00:00Z`);
}

function startOfDay(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS;
}

function runsOf({ changes, endedAt, earlier }: LedgerEntry, nowMs: number): Run[] {
  const endMs = Math.min(nowMs, endedAt === undefined ? nowMs : Date.parse(endedAt));
  const runs: Run[] = [];
  let run: Run | undefined;
  for (const { at, state, pricePerHour } of changes) {
    const ms = Date.parse(at);
    if (ms >= endMs) break;
    if (state === 'stopped') {
      if (run) run.toMs = ms;
      run = undefined;
      continue;
    }
    if (!run) {
      // What is billed goes on being counted from the begin of the run.
      const isFirst = runs.length === 0 && at === earlier?.until;
      const fromMs = isFirst && earlier?.runFrom !== undefined ? Date.parse(earlier.runFrom) : ms;
      run = { fromMs, toMs: endMs, prices: [] };
      runs.push(run);
    }
    run.prices.push({ fromMs: ms, pricePerHour: pricePerHour ?? 0 });
  }
  return runs;
}

/** Each unit of time that the provider bills is charged as a whole, at the price of its beginning. */
function addRun(charge: Charge, { fromMs, toMs, prices }: Run, billedMs: number): void {
  const roundedUp = (ms: number) => fromMs + Math.ceil((ms - fromMs) / billedMs) * billedMs;
  const endMs = roundedUp(toMs);
  prices.forEach(({ fromMs: priceMs, pricePerHour }, at) => {
    const next = prices[at + 1];
    const until = next ? Math.min(roundedUp(next.fromMs), endMs) : endMs;
    charge.add(pricePerHour, Math.max(0, until - roundedUp(priceMs)));
  });
}
