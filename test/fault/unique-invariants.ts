/** No unique key is active twice. */
import { TOLERABLE_MS } from '../../src/broker/connection/broker-clock.js';
import { isTerminal } from '../../src/jobs/vocabulary.js';
import type { Claim } from '../../src/wire/unique-claim.js';
import type { Evidence, StoredRecord } from './evidence.js';
import type { Violation } from './invariants.js';

export function uniqueViolations({ histories, claims }: Evidence): Violation[] {
  const whole = [...histories.values()].flatMap(withEnds);
  const ofKeys = groupBy(whole.filter(isActive), ({ unique }) => unique?.key ?? '');
  const claimed = groupBy(claims, ({ key }) => key);
  return [...ofKeys].flatMap(([key, records]) => [
    ...activeTwice(key, records),
    ...claimedTooEarly(key, claimed.get(key) ?? [], records),
  ]);
}

function isActive({ unique }: StoredRecord): boolean {
  return unique?.scope === 'active';
}

/**
 * A redrive removes the end of the life before, perhaps before the copy of EVENTS has it: a server that was killed copies on after a
 * while. The record of the redrive says that end, and when it was.
 */
function withEnds(history: readonly StoredRecord[]): StoredRecord[] {
  return history.flatMap((record, index) => {
    const before = history[index - 1];
    const end = record.failures?.at(-1);
    const isRedriven = (record.redrives ?? 0) > (before?.redrives ?? 0);
    if (!before || !end || !isRedriven || isTerminal(before.status)) return [record];
    const { state, finishedAt } = end;
    const implied = { ...before, status: 'failed', state, storedSeq: before.storedSeq + 0.5 } as const;
    return [{ ...implied, ...(finishedAt !== undefined && { finishedAt }) }, record];
  });
}

/** In the order of the records: none of a job comes between the first and the last one of another. */
function activeTwice(key: string, records: readonly StoredRecord[]): Violation[] {
  const found: Violation[] = [];
  const open = new Set<string>();
  for (const { id, state, status } of records.toSorted((a, b) => a.storedSeq - b.storedSeq)) {
    const others = [...open].filter((other) => other !== id);
    if (isTerminal(status)) open.delete(id);
    else open.add(id);
    // One that ends here without a record before was added before; that is looked at below.
    if (others.length === 0 || isTerminal(status)) continue;
    found.push({
      kind: 'active-twice',
      about: key,
      detail: `${id} ${state} while ${others.join(', ')} was open`,
    });
  }
  return found;
}

interface Life {
  id: string;
  /** Just before its claim was written, and its end, by what two processes took for the time of the broker. */
  fromMs: number;
  toMs: number;
}

/**
 * A key is claimed once the job before has ended; the message of a job waits without a record. Both say themselves when they were written: the
 * copies of the two streams have the times at which they were copied, each with a lag of its own. Each process may be wrong by all that its
 * clock tolerates, so two may differ by twice as much: busy ones had 331, 357 and 611 ms.
 */
function claimedTooEarly(
  key: string,
  claims: readonly Claim[],
  records: readonly StoredRecord[],
): Violation[] {
  // One that is written once more, without its job, is no other claim.
  const first = claims.filter(({ job, afterSeq }) => job || afterSeq !== undefined);
  const lives = first.map(({ id, sinceMs, redrives = 0 }): Life => {
    const own = records.filter((each) => each.id === id && (each.redrives ?? 0) === redrives);
    const end = own.find(({ status }) => isTerminal(status));
    // A job that was never stored is nobody's.
    const openMs = own.length === 0 ? sinceMs : Number.POSITIVE_INFINITY;
    return { id, fromMs: sinceMs, toMs: end ? Date.parse(end.finishedAt ?? end.updatedAt) : openMs };
  });
  return lives.flatMap((life, index): Violation[] => {
    const before = lives
      .slice(0, index)
      .find(({ id, toMs }) => id !== life.id && life.fromMs + 2 * TOLERABLE_MS < toMs);
    if (!before) return [];
    const detail = `${life.id} got it ${before.toMs - life.fromMs} ms before ${before.id} had ended`;
    return [{ kind: 'active-twice', about: key, detail }];
  });
}

export function groupBy<T>(list: readonly T[], keyOf: (each: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const each of list) {
    const group = groups.get(keyOf(each));
    if (group) group.push(each);
    else groups.set(keyOf(each), [each]);
  }
  return groups;
}
