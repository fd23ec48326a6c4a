/** How a job takes its permits: a pure function that changes drafts of their ledgers. Times are milliseconds, by the broker's clock. */
import type { NeededPermit } from '../../jobs/limit.js';
import type { Ledger } from '../../wire/limit-message.js';
import { type Claimant, ownPermit, release, type Said, type Start, set, startUnder, take } from './ledger.js';

/** Permits that were taken, all of those that a job needs. */
export interface Permits {
  claimant: Claimant;
  needs: readonly NeededPermit[];
  /** When the job may start. */
  startAtMs: number;
  /** An earlier run of the job holds them, and is perhaps still alive. */
  isShared: boolean;
}

/** Which permit is not free. */
export interface Refused {
  at: NeededPermit;
  /** Its ledger at that time. Absent where the job was refused by an earlier delivery of its message. */
  ledger?: Ledger;
}

/** All permits that a job needs, or none. */
export function acquireAll(
  ledgers: Ledger[],
  needs: readonly NeededPermit[],
  claimant: Claimant,
  { nowMs, leaseMs, leadMs }: { nowMs: number; leaseMs: number; leadMs: number },
): { result: Omit<Permits, 'claimant' | 'needs'> | Refused; isChanged: boolean } {
  const starts = startUnder(
    needs.map((need, index) => withSettings(ledgers[index] as Ledger, need)),
    claimant,
    nowMs,
    leadMs,
  );
  const isRefused = ({ isSoon }: Start) => !isSoon;
  if (starts.some(isRefused)) {
    // Where one is free and others are in line for it, the line of one that is not free is the longer.
    const isFull = starts.findIndex((start) => isRefused(start) && start.atMs > nowMs);
    const place = isFull < 0 ? starts.findIndex(isRefused) : isFull;
    let isChanged = false;
    for (const ledger of ledgers) {
      // What it was given of the others is free for the next.
      if (ownPermit(ledger, claimant.owner)?.given === undefined) continue;
      release(ledger, claimant.owner);
      isChanged = true;
    }
    const full = ledgers[place] as Ledger;
    // As a handler says it now, whatever an earlier one has said.
    if (set(full, needs[place] as NeededPermit)) isChanged = true;
    return { result: { at: needs[place] as NeededPermit, ledger: { ...full } }, isChanged };
  }
  const startAtMs = Math.max(...starts.map(({ atMs }) => atMs)) || nowMs;
  const areHeld = ledgers.map((ledger, index) => {
    set(ledger, needs[index] as NeededPermit);
    return take(ledger, claimant, startAtMs, nowMs, leaseMs);
  });
  return { result: { startAtMs, isShared: areHeld.some(Boolean) }, isChanged: true };
}

/** A ledger as it is under the settings of who asks; the ledger itself stays. */
function withSettings(ledger: Ledger, settings: Said): Ledger {
  const copy = { ...ledger };
  set(copy, settings);
  return copy;
}
