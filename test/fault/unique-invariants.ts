/** No unique key is active twice. */
import { isTerminal } from '../../src/jobs/vocabulary.js';
import type { Evidence, StoredClaim, StoredRecord } from './evidence.js';
import type { Violation } from './invariants.js';

export function uniqueViolations({ histories, claims }: Evidence): Violation[] {
  const ofKeys = groupBy([...histories.values()].flat().filter(isActive), ({ unique }) => unique?.key ?? '');
  const claimed = groupBy(claims, ({ key }) => key);
  return [...ofKeys].flatMap(([key, records]) => [
    ...activeTwice(key, records),
    ...claimedTooEarly(key, claimed.get(key) ?? [], records),
  ]);
}

function isActive({ unique }: StoredRecord): boolean {
  return unique?.scope === 'active';
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
  /** The broker took its claim then. */
  fromMs: number;
  toMs: number;
}

/** A key is claimed once the job before has ended, by the broker's own times; the message of a job waits without a record. */
function claimedTooEarly(
  key: string,
  claims: readonly StoredClaim[],
  records: readonly StoredRecord[],
): Violation[] {
  // One that is written once more, without its job, is no other claim.
  const first = claims.filter(({ job, afterSeq }) => job || afterSeq !== undefined);
  const lives = first.map(({ id, storedAtMs }): Life => {
    const later = records.filter((each) => each.id === id && each.storedAtMs >= storedAtMs);
    const end = later.find(({ status }) => isTerminal(status));
    // A job that was never stored is nobody's.
    const toMs = end?.storedAtMs ?? (later.length === 0 ? storedAtMs : Number.POSITIVE_INFINITY);
    return { id, fromMs: storedAtMs, toMs };
  });
  return lives.flatMap((life, index): Violation[] => {
    const before = lives.slice(0, index).find(({ id, toMs }) => id !== life.id && life.fromMs < toMs);
    if (!before) return [];
    const detail = `${life.id} got it ${before.toMs - life.fromMs} ms before ${before.id} had ended`;
    return [{ kind: 'active-twice', about: key, detail }];
  });
}

function groupBy<T>(list: readonly T[], keyOf: (each: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const each of list) {
    const group = groups.get(keyOf(each));
    if (group) group.push(each);
    else groups.set(keyOf(each), [each]);
  }
  return groups;
}
