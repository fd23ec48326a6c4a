/** What follows from all that was seen of an instance: a function of these facts alone, in whatever order they were noted. */
import type { LedgerChange, LedgerEnd, LedgerEntry, LedgerSeen, StoredEntry } from './ledger-entry.js';

/** Which of two ends is the more exact: what was deleted by us is also gone. */
const RANK: readonly LedgerEnd[] = ['gone', 'reclaimed', 'watchdog', 'deleted'];

export function derivedEntry(entry: StoredEntry): LedgerEntry {
  const { endedAt: _, end: __, ...known } = entry;
  const ended = endOf(known);
  return { ...known, ...ended, changes: changesOf(known, ended?.endedAt) };
}

/**
 * An instance that was seen after it had been proven to be gone has not ended. Of more than one end the earliest counts, but none before
 * it was seen last.
 */
function endOf({ rentedAt, seen }: StoredEntry): Pick<LedgerEntry, 'endedAt' | 'end'> | undefined {
  const seenAt = seen.states.at(-1)?.at ?? '';
  const [first, ...more] = seen.ends.filter(({ provenAt }) => provenAt >= seenAt);
  if (!first) return undefined;
  const ends = [first, ...more].map(({ end }) => end);
  if (isTakenBack(seen)) ends.push('reclaimed');
  const end = ends.reduce((a, b) => (RANK.indexOf(b) > RANK.indexOf(a) ? b : a));
  return { endedAt: [first.at, seenAt, rentedAt].reduce((a, b) => (a > b ? a : b)), end };
}

/** One that has run again since then was not taken back for good. */
export function isTakenBack({ states, interruptedAt }: LedgerSeen): boolean {
  if (interruptedAt === undefined) return false;
  return !states.some(({ at, state }) => state === 'running' && at > interruptedAt);
}

function changesOf({ rentedAt, seen, earlier }: StoredEntry, endedAt: string | undefined): LedgerChange[] {
  const { states, prices } = seen;
  const from = earlier?.until ?? rentedAt;
  const isBefore = ({ at }: { at: string }) => at <= from;
  let now: LedgerChange = {
    at: from,
    state: states.findLast(isBefore)?.state ?? 'running',
    // Nothing cheaper or dearer was known before the first price.
    pricePerHour: (prices.findLast(isBefore) ?? prices[0])?.pricePerHour ?? null,
  };
  const changes = [now];
  const after = [...states, ...prices].filter((each) => !isBefore(each));
  for (const fact of after.sort((a, b) => (a.at < b.at ? -1 : Number(a.at > b.at)))) {
    if (endedAt !== undefined && fact.at >= endedAt) break;
    const next: LedgerChange = { ...now, ...fact };
    if (next.state === now.state && next.pricePerHour === now.pricePerHour) continue;
    if (next.at === now.at) changes.pop();
    changes.push(next);
    now = next;
  }
  return changes;
}
