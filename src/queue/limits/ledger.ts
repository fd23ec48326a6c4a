/** The permits of one key: pure functions that change a draft of its ledger. Times are milliseconds, by the broker's clock. */
import type { LimitSettings, NeededPermit } from '../../jobs/limit.js';
import { PRIORITIES } from '../../jobs/vocabulary.js';
import type { HeldPermit, Ledger, LiveWaiter, WaitingGroup } from '../../wire/limit-message.js';
import { AHEAD_MS, aheadOf, freeByTime, isLateStart, noteStartAt, startForLate, windowOf } from './starts.js';

/** Who asks for a permit. */
export interface Claimant {
  owner: string;
  job: string;
  worker: string;
  run: string;
}

/** What somebody knows of a limit. */
export type Said = LimitSettings & Pick<NeededPermit, 'setAt'>;

/** Permits are given again when this part of the time is left for which they are given ahead, so that several go at once. */
const AHEAD_LEFT = 0.7;
/** So many jobs that were called and are too late are behind others on their way to a worker: no more are called for a while. */
const MOST_LATE = 8;
const TOO_LATE_MS = 250;
const LATE_FOR_MS = 5_000;
/** Groups that take turns; those beyond share one turn. */
const MAX_GROUPS = 1_000;
const SHARED_TURN = 'others';

/** Drops what no longer counts: leases that are over, and starts before the window. */
export function prune(ledger: Ledger, nowMs: number): void {
  if (ledger.held.some(({ until }) => until <= nowMs))
    ledger.held = ledger.held.filter(({ until }) => until > nowMs);
  if (ledger.live.some(({ until }) => until <= nowMs))
    ledger.live = ledger.live.filter(({ until }) => until > nowMs);
  if (ledger.closedUntil !== undefined && ledger.closedUntil <= nowMs) ledger.closedUntil = undefined;
  const { rate } = ledger;
  if (!rate) ledger.starts = [];
  else if (ledger.starts.length > 0) {
    const from = nowMs - windowOf(rate);
    ledger.starts = ledger.starts.filter(([atMs]) => atMs > from);
  }
}

/**
 * What the limit is now; permits that are held stay, also beyond it. Whoever has not heard of the newest setting changes nothing.
 * @returns whether it was another one
 */
export function set(ledger: Ledger, { concurrency, rate, setAt = 0 }: Said): boolean {
  if (setAt < (ledger.setAt ?? 0)) return false;
  const isOther =
    ledger.concurrency !== concurrency ||
    ledger.rate?.max !== rate?.max ||
    ledger.rate?.perMs !== rate?.perMs;
  ledger.concurrency = concurrency;
  ledger.rate = rate;
  if (setAt > 0) ledger.setAt = setAt;
  return isOther;
}

/** When the next permit is free by rate and `Retry-After`: now, or later. Infinite where it takes a permit that is given back. */
export function nextFreeAt(ledger: Ledger, nowMs: number): number {
  const { concurrency = Number.POSITIVE_INFINITY, held, onTrial = false } = ledger;
  if (held.length >= (onTrial ? 1 : concurrency)) return Number.POSITIVE_INFINITY;
  return freeByTime(ledger, nowMs);
}

/** When whoever waits is to be given the next permits: several at once where they go by time. */
export function nextGiveAt(ledger: Ledger, nowMs: number): number {
  const late = lateOnes(ledger, nowMs);
  const behindUntilMs = late.length < MOST_LATE ? nowMs : (late[0] as number) + LATE_FOR_MS;
  return Math.max(nextFreeAt(ledger, nowMs) - aheadOf(ledger) * AHEAD_LEFT, behindUntilMs, nowMs);
}

/** When a permit may start that is given now; undefined where none is. */
export function givenNow(ledger: Ledger, nowMs: number): number | undefined {
  const freeMs = nextFreeAt(ledger, nowMs);
  return freeMs <= nowMs + aheadOf(ledger) && lateOnes(ledger, nowMs).length < MOST_LATE ? freeMs : undefined;
}

/** For when those of a rate were called that are too late, oldest first. One that is very late is on no way any more. */
function lateOnes({ rate, held }: Ledger, nowMs: number): number[] {
  if (!rate) return [];
  return held
    .flatMap(({ given = nowMs }) =>
      given > nowMs - LATE_FOR_MS && given < nowMs - TOO_LATE_MS ? [given] : [],
    )
    .sort((a, b) => a - b);
}

export function hasWaiting({ waiting, live }: Ledger): boolean {
  return waiting.length > 0 || live.length > 0;
}

/** When somebody may start, and whether they need not wait for others. */
export interface Start {
  atMs: number;
  isSoon: boolean;
}

/**
 * When somebody may start, by each limit. Who has a permit waits for no others: until the time for which it was given, or, where that is over or is
 * not the same everywhere, until there is room again.
 * @param leadMs how long one that is late needs until it can start
 */
export function startUnder(
  ledgers: readonly Ledger[],
  { owner }: Claimant,
  nowMs: number,
  leadMs: number,
): Start[] {
  const own = ledgers.map((ledger) => ownPermit(ledger, owner));
  const times = new Set(ledgers.flatMap(({ rate }, index) => (rate ? [own[index]?.given] : [])));
  const [givenMs] = times;
  const isInTime =
    times.size === 1 &&
    givenMs !== undefined &&
    !ledgers.some((ledger) => isLateStart(ledger, givenMs, nowMs));
  const startsFor = (keptMs?: number) => {
    const others = ledgers.map((ledger, index) => {
      return { ...ledger, held: ledger.held.filter((each) => each !== own[index]) };
    });
    const lateMs = startForLate(
      others.filter((_, index) => own[index]),
      nowMs + leadMs,
    );
    return ledgers.map((ledger, index): Start => {
      const permit = own[index];
      if (!permit) {
        const atMs = nextFreeAt(ledger, nowMs);
        // Who was called is behind it, and has no use for the room before it comes.
        const isNext = !hasWaiting(ledger) || lateOnes(ledger, nowMs).length > 0;
        return { atMs, isSoon: isNext && atMs <= nowMs };
      }
      if (!ledger.rate) return { atMs: 0, isSoon: true };
      if (keptMs !== undefined) return { atMs: keptMs, isSoon: true };
      // One that runs already is put off at most.
      if (permit.given === undefined) return { atMs: lateMs, isSoon: true };
      const isFree = Number.isFinite(nextFreeAt(others[index] as Ledger, nowMs));
      return { atMs: lateMs, isSoon: isFree && lateMs <= nowMs + AHEAD_MS };
    });
  };
  const kept = isInTime ? startsFor(givenMs) : [];
  return isInTime && kept.every(({ atMs }) => atMs <= givenMs) ? kept : startsFor();
}

/**
 * Takes a permit, for a start that {@link startUnder} has allowed. One that an earlier run of the job holds, or this one, is held on to.
 * @returns whether it was held
 */
export function take(
  ledger: Ledger,
  claimant: Claimant,
  startAtMs: number,
  nowMs: number,
  leaseMs: number,
): boolean {
  const own = ownPermit(ledger, claimant.owner);
  const { given } = own ?? {};
  noteStartAt(ledger, startAtMs);
  if (own && given === undefined) {
    // Long enough for its claim to be written.
    const until = Math.max(own.until, nowMs + leaseMs / 2);
    ledger.held = ledger.held.map((each) => (each === own ? { ...each, until } : each));
    return true;
  }
  if (own) ledger.held = ledger.held.filter((permit) => permit !== own);
  // On trial it is one at a time, also where the limit itself does not count those that run.
  if (ledger.concurrency !== undefined || ledger.onTrial)
    ledger.held.push({ ...claimant, since: nowMs, until: nowMs + leaseMs });
  return false;
}

export function ownPermit(ledger: Ledger, owner: string): HeldPermit | undefined {
  return ledger.held.find((permit) => permit.owner === owner);
}

/** Gives a permit to a waiter, which comes for it. */
export function give(ledger: Ledger, claimant: Claimant, atMs: number, nowMs: number, leaseMs: number): void {
  ledger.held.push({ ...claimant, since: nowMs, until: Math.max(atMs, nowMs) + leaseMs, given: atMs });
}

/** @param run of the holder; undefined for whichever run holds it. @returns whether it was held */
export function release(ledger: Ledger, owner: string, run?: string): boolean {
  const count = ledger.held.length + ledger.live.length;
  const stays = (permit: Claimant) => permit.owner !== owner || (run !== undefined && permit.run !== run);
  ledger.held = ledger.held.filter(stays);
  ledger.live = ledger.live.filter(stays);
  return ledger.held.length + ledger.live.length < count;
}

/** Goes on holding it, or takes it again where it was lost and is free. @returns whether it is held */
export function renew(ledger: Ledger, claimant: Claimant, nowMs: number, leaseMs: number): boolean {
  const isOwn = ({ owner, run }: Claimant) => owner === claimant.owner && run === claimant.run;
  const waiter = ledger.live.find(isOwn);
  if (waiter) {
    ledger.live = ledger.live.map((each) => (each === waiter ? { ...each, until: nowMs + leaseMs } : each));
    return true;
  }
  const own = ledger.held.find(isOwn);
  if (own) {
    ledger.held = ledger.held.map((each) => (each === own ? { ...each, until: nowMs + leaseMs } : each));
    return true;
  }
  if (ledger.concurrency === undefined) return true;
  if (ownPermit(ledger, claimant.owner) || ledger.held.length >= ledger.concurrency) return false;
  ledger.held.push({ ...claimant, since: nowMs, until: nowMs + leaseMs });
  return true;
}

/** The permit of an earlier run of the job is this run's now, or one that is free. */
export function adopt(ledger: Ledger, claimant: Claimant, nowMs: number, leaseMs: number): void {
  const own = ownPermit(ledger, claimant.owner);
  const held = { ...claimant, since: own?.since ?? nowMs, until: nowMs + leaseMs };
  ledger.held = own ? ledger.held.map((each) => (each === own ? held : each)) : [...ledger.held, held];
}

/** Until when no permit is given, as somebody has asked. `isTrial`: after that one at a time. */
export function close(ledger: Ledger, untilMs: number, isTrial = false): void {
  ledger.closedUntil = Math.max(ledger.closedUntil ?? 0, untilMs);
  if (isTrial) ledger.onTrial = true;
}

/** Permits are given again, whatever somebody has asked. @returns whether they were not */
export function reopen(ledger: Ledger): boolean {
  const { closedUntil, onTrial } = ledger;
  ledger.closedUntil = undefined;
  ledger.onTrial = undefined;
  return closedUntil !== undefined || onTrial !== undefined;
}

/** A place in line. */
export function join(ledger: Ledger, turn: string, priority: number, weight: number): void {
  let group = ledger.waiting.find((each) => each.turn === turn);
  if (!group) {
    group = { turn, counts: PRIORITIES.map(() => 0), place: ledger.turns, weight };
    ledger.waiting = [...ledger.waiting, group];
  }
  const counts = group.counts.map((count, each) => (each === priority ? count + 1 : count));
  ledger.waiting = ledger.waiting.map((each) => (each === group ? { ...each, counts, weight } : each));
}

/** The turn that a job takes: where very many take turns, the later ones share one. */
export function turnOf({ waiting }: Ledger, turn: string): string {
  return waiting.length < MAX_GROUPS || waiting.some((each) => each.turn === turn) ? turn : SHARED_TURN;
}

export function joinLive(ledger: Ledger, waiter: LiveWaiter): void {
  ledger.live = [...ledger.live.filter(({ owner }) => owner !== waiter.owner), waiter];
}

/** Whose turn it is: a handler that waits, or the first in line of a group. */
export type Next = { kind: 'live'; waiter: LiveWaiter } | { kind: 'line'; turn: string; priority: number };

/** By priority, then by turn. Of one turn a handler comes first, since it has a slot. */
export function nextInTurn(ledger: Ledger): Next | undefined {
  for (let priority = 0; priority < PRIORITIES.length; priority++) {
    const live = ledger.live.filter((waiter) => waiter.priority === priority);
    const places = new Map<string, number>();
    for (const { turn, counts, place } of ledger.waiting)
      if ((counts[priority] ?? 0) > 0) places.set(turn, place);
    for (const { turn } of live) {
      const group = ledger.waiting.find((each) => each.turn === turn);
      if (!places.has(turn)) places.set(turn, group?.place ?? ledger.turns);
    }
    const [first] = [...places].sort(([, a], [, b]) => a - b);
    if (!first) continue;
    const [turn] = first;
    const waiter = live.find((each) => each.turn === turn);
    return waiter ? { kind: 'live', waiter } : { kind: 'line', turn, priority };
  }
  return undefined;
}

/** The first of a group leaves the line, and its next turn comes after those of others. `isGiven`: with a permit. */
export function leave(ledger: Ledger, turn: string, priority: number, isGiven: boolean): void {
  changeGroup(ledger, turn, (group) => {
    const counts = group.counts.map((count, each) => (each === priority ? Math.max(0, count - 1) : count));
    if (!isGiven) return { ...group, counts };
    ledger.turns = Math.max(ledger.turns, group.place);
    return { ...group, counts, place: Math.max(group.place, ledger.turns) + 1 / group.weight };
  });
}

/** A handler that waits gets its turn. */
export function liveTurn(ledger: Ledger, waiter: LiveWaiter): void {
  ledger.live = ledger.live.filter(({ owner }) => owner !== waiter.owner);
  const hasGroup = ledger.waiting.some(({ turn }) => turn === waiter.turn);
  // With nobody in line under its turn, there is nothing to count.
  if (hasGroup) leave(ledger, waiter.turn, -1, true);
}

/** Nobody of this group and priority is in line, whatever was counted. */
export function empty(ledger: Ledger, turn: string, priority: number): void {
  changeGroup(ledger, turn, (group) => ({
    ...group,
    counts: group.counts.map((count, each) => (each === priority ? 0 : count)),
  }));
}

function changeGroup(ledger: Ledger, turn: string, change: (group: WaitingGroup) => WaitingGroup): void {
  ledger.left = (ledger.left ?? 0) + 1;
  ledger.waiting = ledger.waiting
    .map((group) => (group.turn === turn ? change(group) : group))
    .filter(({ counts }) => counts.some((count) => count > 0));
}

export function waitingIn({ waiting, live }: Ledger): number {
  return live.length + waiting.reduce((sum, { counts }) => sum + counts.reduce((a, b) => a + b, 0), 0);
}

/** How long the ledger is needed where nobody changes it any more, in seconds. */
export function lifetimeSeconds(ledger: Ledger, nowMs: number): number {
  if (hasWaiting(ledger)) return 7 * 24 * 60 * 60;
  const untilMs = Math.max(
    nowMs,
    ledger.closedUntil ?? 0,
    ...ledger.held.map(({ until }) => until),
    ledger.rate ? (ledger.starts.at(-1)?.[0] ?? 0) + windowOf(ledger.rate) : 0,
  );
  return Math.ceil((untilMs - nowMs) / 1_000) + 15;
}
