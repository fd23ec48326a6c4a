/** No key has more permits out than its limit, and none is left out. */
import type { HeldPermit, Ledger } from '../../src/wire/limit-message.js';
import type { Evidence } from './evidence.js';
import type { Violation } from './invariants.js';
import { groupBy } from './unique-invariants.js';

/** What a handler of a limited job does, as its process tells; `gone`: the process was killed. Times are ms since the epoch. */
export type LimitedStep =
  | { kind: 'begun' | 'ended'; worker: string; jobId: string; key: string; atMs: number }
  | { kind: 'gone'; worker: string; atMs: number };

/** A limit that was set: from when it was asked for on it may hold, and nothing before it once the broker has taken it. */
export interface LimitSet {
  concurrency: number;
  taken: Promise<void>;
  fromMs?: number;
  takenMs?: number;
}

/** One that is lowered holds for permits that are given from then on; one that was given may begin so much later. */
const BEGINS_WITHIN_MS = 15_000;

export function limitViolations(evidence: Evidence): Violation[] {
  if (!evidence.plan.limitedTo) return [];
  const versions = groupBy(evidence.ledgers, ({ name, key }) => `${name}:${key}`);
  return [
    ...[...versions].flatMap(([about, ledgers]) => [
      ...tooMany(about, ledgers),
      ...leftOver(about, ledgers, evidence.readAtMs),
    ]),
    ...runsOverLimit(evidence),
  ];
}

/** A permit beyond the limit was there before it was lowered. */
function tooMany(about: string, ledgers: readonly Ledger[]): Violation[] {
  return ledgers.flatMap(({ held, concurrency = 0 }, index): Violation[] => {
    const before = new Set(ledgers[index - 1]?.held.map(({ owner }) => owner));
    const added = held.filter(({ owner }) => !before.has(owner));
    if (added.length === 0 || held.length <= concurrency) return [];
    const detail = `${ownersOf(added)} got one of ${concurrency} beside ${ownersOf(ledgers[index - 1]?.held ?? [])}`;
    return [{ kind: 'over-limit', about, detail }];
  });
}

/** The last one, once all is quiet. */
function leftOver(about: string, ledgers: readonly Ledger[], readAtMs: number): Violation[] {
  const { held: all = [], waiting = [] } = ledgers.at(-1) ?? {};
  // Nobody writes that a lease is over.
  const held = all.filter(({ until }) => until > readAtMs);
  const lines = waiting.map(({ turn, counts }) => `${turn} ${counts.join('/')}`);
  if (held.length + lines.length === 0) return [];
  const detail = `held by ${ownersOf(held)}; in line ${lines.join(', ')}`;
  return [{ kind: 'permit-stuck', about, detail }];
}

/** As the handlers of all workers tell it. A job whose worker has died runs again with its permit. */
function runsOverLimit({ limitedSteps, limitsSet, plan: { limitedTo = 0 } }: Evidence): Violation[] {
  const found: Violation[] = [];
  const running = new Map<string, { key: string; jobId: string; worker: string }>();
  for (const step of limitedSteps.toSorted((a, b) => a.atMs - b.atMs)) {
    if (step.kind === 'gone') {
      for (const [id, { worker }] of running) if (worker === step.worker) running.delete(id);
      continue;
    }
    const { jobId, key, worker, atMs } = step;
    const id = `${worker} ${jobId}`;
    if (step.kind === 'ended') {
      running.delete(id);
      continue;
    }
    // Whoever ran it before has lost it, and its permit with it.
    for (const [other, each] of running) if (each.jobId === jobId) running.delete(other);
    running.set(id, { key, jobId, worker });
    const jobs = new Set([...running.values()].filter((each) => each.key === key).map((each) => each.jobId));
    const most = Math.max(...inForce(limitsSet, limitedTo, atMs));
    if (jobs.size > most)
      found.push({
        kind: 'over-limit',
        about: key,
        detail: `${[...jobs].join(', ')} ran at once, of ${most}`,
      });
  }
  return found;
}

function inForce(sets: readonly LimitSet[], first: number, atMs: number): number[] {
  const all = [{ concurrency: first, fromMs: 0 }, ...sets];
  return all
    .filter(({ fromMs = Number.POSITIVE_INFINITY }, index) => {
      const untilMs = sets[index]?.takenMs ?? Number.POSITIVE_INFINITY;
      return fromMs <= atMs && untilMs > atMs - BEGINS_WITHIN_MS;
    })
    .map(({ concurrency }) => concurrency);
}

function ownersOf(held: readonly HeldPermit[]): string {
  return held.map(({ owner, worker }) => `${owner} (${worker || 'called'})`).join(', ');
}
