/** The permits of one key: pure functions that change a draft of its ledger. Times are milliseconds, by the broker's clock. */
import type { LimitSettings, RateLimit } from '../../jobs/limit.js';
import { PRIORITIES } from '../../jobs/vocabulary.js';
import type { HeldPermit, Ledger, LiveWaiter, WaitingGroup } from '../../wire/limit-message.js';

/** Who asks for a permit. */
export interface Claimant {
  owner: string;
  job: string;
  worker: string;
  run: string;
}

/** What a permit that was taken says: `startAtMs` is when the job may start. */
export interface Taken {
  startAtMs: number;
  /** An earlier run of the job, or this one, holds it already. */
  isShared: boolean;
}

/**
 * A start counts for a little longer than the time of its rate: between a permit and the start of its handler pass milliseconds, and
 * the clocks of workers differ by as much.
 */
const MARGIN = 0.025;
const MAX_MARGIN_MS = 1_000;
/** Starts of a rate are kept in so many parts of its time, each counted from its end on. */
const PARTS = 128;
/** How early a permit of a rate is given, so that its job has reached a worker by then. */
const AHEAD_MS = 250;
/** Groups that take turns; those beyond share one turn. */
const MAX_GROUPS = 1_000;
const SHARED_TURN = 'others';

export function windowOf({ perMs }: RateLimit): number {
  return perMs + Math.min(perMs * MARGIN, MAX_MARGIN_MS);
}

export function aheadOf({ rate }: LimitSettings): number {
  return rate ? Math.min(AHEAD_MS, rate.perMs / 4) : 0;
}

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

/** What the limit is now; permits that are held stay, also beyond it. */
export function set(ledger: Ledger, { concurrency, rate }: LimitSettings): void {
  ledger.concurrency = concurrency;
  ledger.rate = rate;
}

/** When the next permit is free by rate and `Retry-After`: now, or later. Infinite where it takes a permit that is given back. */
export function nextFreeAt(ledger: Ledger, nowMs: number): number {
  const { concurrency, rate, held, closedUntil } = ledger;
  if (concurrency !== undefined && held.length >= concurrency) return Number.POSITIVE_INFINITY;
  let atMs = Math.max(nowMs, closedUntil ?? 0);
  if (!rate) return atMs;
  // Those that were given come after all that have started.
  const given = held
    .flatMap((permit) => (permit.given === undefined ? [] : [permit.given]))
    .sort((a, b) => a - b);
  atMs = Math.max(atMs, given.at(-1) ?? 0);
  let left = rate.max - given.length;
  if (left <= 0) return Math.max(atMs, (given[given.length - rate.max] ?? 0) + windowOf(rate));
  for (let place = ledger.starts.length - 1; place >= 0; place--) {
    const [startMs, count] = ledger.starts[place] as [number, number];
    left -= count;
    if (left <= 0) return Math.max(atMs, startMs + windowOf(rate));
  }
  return atMs;
}

export function hasWaiting({ waiting, live }: Ledger): boolean {
  return waiting.length > 0 || live.length > 0;
}

/** Whether somebody may take a permit now. With `isNext`, it is the turn of whoever asks, whoever waits. */
export function mayTake(ledger: Ledger, claimant: Claimant, nowMs: number, isNext = false): boolean {
  const own = ownPermit(ledger, claimant.owner);
  if (own && !isLate(ledger, own, nowMs)) return true;
  return (isNext || !hasWaiting(ledger)) && nextFreeAt(ledger, nowMs) <= nowMs;
}

/** Takes a permit that {@link mayTake} has allowed. */
export function take(ledger: Ledger, claimant: Claimant, nowMs: number, leaseMs: number): Taken {
  const own = ownPermit(ledger, claimant.owner);
  const isGiven = own?.given !== undefined;
  if (own && !isGiven) {
    // Long enough for its claim to be written.
    const until = Math.max(own.until, nowMs + leaseMs / 2);
    ledger.held = ledger.held.map((each) => (each === own ? { ...each, until } : each));
    return { startAtMs: nowMs, isShared: true };
  }
  const startAtMs = own && !isLate(ledger, own, nowMs) ? Math.max(own.given ?? 0, nowMs) : nowMs;
  if (own) ledger.held = ledger.held.filter((permit) => permit !== own);
  if (ledger.rate) noteStart(ledger, ledger.rate, startAtMs);
  if (ledger.concurrency !== undefined)
    ledger.held.push({ ...claimant, since: nowMs, until: nowMs + leaseMs });
  return { startAtMs, isShared: false };
}

/** Too late for its time: others may have been given theirs by it. */
function isLate({ rate }: Ledger, { given }: HeldPermit, nowMs: number): boolean {
  return rate !== undefined && given !== undefined && nowMs - given > rate.perMs / 2;
}

function partOf({ perMs }: Pick<RateLimit, 'perMs'>): number {
  return Math.max(1, Math.floor(perMs / PARTS));
}

function noteStart(ledger: Ledger, { perMs }: RateLimit, startAtMs: number): void {
  const part = partOf({ perMs });
  const atMs = Math.ceil(startAtMs / part) * part;
  const place = ledger.starts.findLastIndex(([each]) => each <= atMs);
  const last = ledger.starts[place];
  ledger.starts = [...ledger.starts];
  if (last?.[0] === atMs) ledger.starts[place] = [atMs, last[1] + 1];
  else ledger.starts.splice(place + 1, 0, [atMs, 1]);
}

/** How late a start may be without being noted: a part of the margin. */
export function isLateStart({ rate }: LimitSettings, permittedMs: number, startedMs: number): boolean {
  return rate !== undefined && startedMs - permittedMs > (windowOf(rate) - rate.perMs) / 4;
}

/** A start that was noted, and did not happen. */
export function takeBackStart(ledger: Ledger, startAtMs: number): void {
  if (!ledger.rate) return;
  const part = partOf(ledger.rate);
  const atMs = Math.ceil(startAtMs / part) * part;
  ledger.starts = ledger.starts.flatMap(([each, count]): [number, number][] => {
    if (each !== atMs) return [[each, count]];
    return count > 1 ? [[each, count - 1]] : [];
  });
}

export function noteStartAt(ledger: Ledger, startAtMs: number): void {
  if (ledger.rate) noteStart(ledger, ledger.rate, startAtMs);
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

/** The permit of an earlier run of the job is this run's now. @returns false where there is none */
export function adopt(ledger: Ledger, claimant: Claimant, nowMs: number, leaseMs: number): boolean {
  const own = ownPermit(ledger, claimant.owner);
  if (!own) return false;
  const { since } = own;
  ledger.held = ledger.held.map((each) =>
    each === own ? { ...claimant, since, until: nowMs + leaseMs } : each,
  );
  return true;
}

/** Until when no permit is given, as somebody has asked. */
export function close(ledger: Ledger, untilMs: number): void {
  ledger.closedUntil = Math.max(ledger.closedUntil ?? 0, untilMs);
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
