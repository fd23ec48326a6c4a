import { expect, it } from 'vitest';
import type { RateLimit } from '../../src/jobs/limit.js';
import {
  type Claimant,
  close,
  give,
  givenNow,
  join,
  nextGiveAt,
  prune,
  release,
  reopen,
  set,
  startUnder,
  take,
} from '../../src/queue/limits/ledger.js';
import { isLateStart, noteStartAt, startForLate, takeBackStart } from '../../src/queue/limits/starts.js';
import { emptyLedger, type Ledger } from '../../src/wire/limit-message.js';

const LEASE_MS = 60_000;

function claimant(owner: string): Claimant {
  return { owner, job: owner, worker: 'w', run: owner };
}

function limitedBy(rate: RateLimit, concurrency?: number): Ledger {
  return { ...emptyLedger('api', 'a'), rate, ...(concurrency && { concurrency }) };
}

/** A generator of numbers from 0 to 1: the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Jobs that are called ahead come in any order, too late, or never, and begin later than they may; others come by themselves. */
function startsOf(seed: number, rate: RateLimit): number[] {
  const random = randomOf(seed);
  const ledger = limitedBy(rate);
  const called: { owner: string; arrivesMs: number }[] = [];
  const waiting: { notedMs: number; wakesMs: number }[] = [];
  const started: number[] = [];
  const endMs = rate.perMs * 12;
  for (let nowMs = 0, n = 0; nowMs < endMs; nowMs += 1 + Math.floor(random() * 8)) {
    prune(ledger, nowMs);
    for (let atMs = givenNow(ledger, nowMs); atMs !== undefined; atMs = givenNow(ledger, nowMs)) {
      const owner = `called-${n++}`;
      give(ledger, claimant(owner), atMs, nowMs, LEASE_MS);
      const lateMs = random() < 0.2 ? random() * rate.perMs * 2 : -random() * 300;
      if (random() < 0.95) called.push({ owner, arrivesMs: Math.max(nowMs, atMs + lateMs) });
      else if (random() < 0.5) release(ledger, owner);
    }
    for (const { owner } of called.filter(({ arrivesMs }) => arrivesMs <= nowMs)) {
      const [start] = startUnder([ledger], claimant(owner), nowMs, 30);
      if (!start?.isSoon) release(ledger, owner);
      else {
        take(ledger, claimant(owner), start.atMs, nowMs, LEASE_MS);
        waiting.push({
          notedMs: start.atMs,
          wakesMs: Math.max(start.atMs, nowMs) + random() * random() * 60,
        });
      }
      called.splice(
        called.findIndex((each) => each.owner === owner),
        1,
      );
    }
    if (random() < 0.1) {
      const [start] = startUnder([ledger], claimant(`new-${n++}`), nowMs, 30);
      if (start?.isSoon) {
        take(ledger, claimant(`new-${n}`), start.atMs, nowMs, LEASE_MS);
        waiting.push({ notedMs: start.atMs, wakesMs: nowMs + random() * 20 });
      }
    }
    for (const each of waiting.filter(({ wakesMs }) => wakesMs <= nowMs)) {
      if (!isLateStart(ledger, each.notedMs, nowMs)) {
        // By the clock of another worker, or with another process in between.
        started.push(nowMs + random() * 8);
        waiting.splice(waiting.indexOf(each), 1);
        continue;
      }
      takeBackStart(ledger, each.notedMs);
      each.notedMs = startForLate([ledger], nowMs + 10);
      each.wakesMs = each.notedMs + random() * random() * 30;
      noteStartAt(ledger, each.notedMs);
    }
  }
  return started.sort((a, b) => a - b);
}

it.each([1, 2, 3])('no time of a rate holds more starts than it allows, whoever is late (%i)', (seed) => {
  for (const rate of [
    { max: 10, perMs: 1_000 },
    { max: 100, perMs: 1_000 },
    { max: 1, perMs: 500 },
    { max: 5, perMs: 200 },
  ]) {
    const starts = startsOf(seed, rate);
    const tooSoon = starts.filter(
      (atMs, n) => n >= rate.max && atMs - (starts[n - rate.max] as number) < rate.perMs,
    );
    expect(tooSoon).toEqual([]);
    expect(starts.length).toBeGreaterThan(rate.max * 4);
  }
});

it('a job that starts under two rates counts in both when it starts', () => {
  const quick = limitedBy({ max: 5, perMs: 1_000 });
  const slow = limitedBy({ max: 1, perMs: 10_000 });
  const [one, other] = [claimant('one'), claimant('other')];
  give(quick, one, 500, 0, LEASE_MS);
  give(slow, one, 500, 0, LEASE_MS);
  expect(startUnder([quick, slow], one, 400, 30)).toEqual([
    { atMs: 500, isSoon: true },
    { atMs: 500, isSoon: true },
  ]);
  // Given for another time in one of them, it has none that holds for both: it takes the first that does.
  give(quick, other, 900, 0, LEASE_MS);
  give(slow, other, 700, 0, LEASE_MS);
  const starts = startUnder([quick, slow], other, 400, 30);
  expect(starts).toEqual([
    { atMs: 10_750, isSoon: false },
    { atMs: 10_750, isSoon: false },
  ]);
});

it('a start counts longer than the time of its rate by what clocks and busy machines differ, however short that is', () => {
  const freeAfter = (perMs: number) => {
    const ledger = limitedBy({ max: 1, perMs });
    take(ledger, claimant('job'), 0, 0, LEASE_MS);
    return startUnder([ledger], claimant('next'), 0, 30)[0]?.atMs;
  };
  expect([100, 500, 2_000, 60_000].map(freeAfter)).toEqual([125, 525, 2_050, 61_000]);
});

it('a job that runs already keeps its permit, and starts once more when its rate has room', () => {
  const ledger = limitedBy({ max: 1, perMs: 1_000 }, 1);
  const job = claimant('job');
  expect(take(ledger, job, 0, 0, LEASE_MS)).toBe(false);
  const [again] = startUnder([ledger], job, 300, 30);
  expect(again).toEqual({ atMs: 1_025, isSoon: true });
  expect(take(ledger, job, 1_025, 300, LEASE_MS)).toBe(true);
  expect([ledger.held.length, ledger.starts]).toEqual([
    1,
    [
      [0, 1],
      [1_026, 1],
    ],
  ]);
});

it('while called jobs are behind others on their way, no more are called, and who comes takes the room', () => {
  const ledger = limitedBy({ max: 10, perMs: 1_000 });
  join(ledger, 'turn', 0, 1);
  const isNext = (nowMs: number) => startUnder([ledger], claimant('new'), nowMs, 30)[0]?.isSoon;
  expect(isNext(0)).toBe(false);
  for (let n = 0; n < 8; n++) give(ledger, claimant(`called-${n}`), 0, 0, LEASE_MS);
  expect([givenNow(ledger, 200), isNext(200)]).toEqual([200, false]);
  expect([givenNow(ledger, 1_100), isNext(1_100)]).toEqual([undefined, true]);
  expect([nextGiveAt(ledger, 1_100), givenNow(ledger, 5_000)]).toEqual([5_000, 5_000]);
  release(ledger, 'called-0');
  expect(givenNow(ledger, 1_100)).toBe(1_100);
});

it('who has not heard of the newest setting of a limit does not change what it is', () => {
  const ledger = limitedBy({ max: 1, perMs: 1_000 }, 5);
  expect(set(ledger, { concurrency: 2, setAt: 7 })).toBe(true);
  expect(set(ledger, { concurrency: 5 })).toBe(false);
  expect(set(ledger, { concurrency: 4, setAt: 6 })).toBe(false);
  expect(ledger).toMatchObject({ concurrency: 2, rate: undefined, setAt: 7 });
  // Reset: from then on it is what workers say.
  expect(set(ledger, { concurrency: 5, setAt: 9 })).toBe(true);
  expect(set(ledger, { concurrency: 6, setAt: 9 })).toBe(true);
});

it('a rate on trial starts one at a time as well, and several once it is reopened', () => {
  const ledger = limitedBy({ max: 10, perMs: 1_000 });
  close(ledger, 100, true);
  const may = (owner: string) => startUnder([ledger], claimant(owner), 200, 0)[0]?.isSoon;
  expect(may('a')).toBe(true);
  take(ledger, claimant('a'), 200, 200, LEASE_MS);
  expect(may('b')).toBe(false);
  release(ledger, 'a', 'a');
  expect(may('b')).toBe(true);
  take(ledger, claimant('b'), 200, 200, LEASE_MS);
  reopen(ledger);
  expect(may('c')).toBe(true);
});

it('a key on trial gives one permit at a time once it is open again, until it is reopened', () => {
  const ledger: Ledger = { ...emptyLedger('webhooks/e', 'all'), concurrency: 3 };
  for (let n = 0; n < 5; n++) join(ledger, 'all', 2, 1);
  close(ledger, 1_000, true);
  expect(givenNow(ledger, 999)).toBeUndefined();
  prune(ledger, 1_000);
  give(ledger, claimant('first'), 1_000, 1_000, LEASE_MS);
  expect(givenNow(ledger, 1_000)).toBeUndefined();
  release(ledger, 'first');
  expect(givenNow(ledger, 1_000)).toBe(1_000);
  expect(reopen(ledger)).toBe(true);
  for (const owner of ['first', 'second']) give(ledger, claimant(owner), 1_000, 1_000, LEASE_MS);
  expect(givenNow(ledger, 1_000)).toBe(1_000);
  expect(reopen(ledger)).toBe(false);
});
