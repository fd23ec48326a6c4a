import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import { JetfleetError } from '../../jobs/errors.js';
import { forgetOldest } from '../../jobs/forget-oldest.js';
import type { NeededPermit } from '../../jobs/limit.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Ledger, LiveWaiter } from '../../wire/limit-message.js';
import {
  type Claimant,
  empty,
  give,
  givenNow,
  hasWaiting,
  leave,
  liveTurn,
  nextGiveAt,
  nextInTurn,
  ownPermit,
  prune,
  release,
  set,
} from './ledger.js';
import { idOf, type Ledgers, type LimitKey } from './ledgers.js';
import { call, firstInLine, type InLine, isLineEmpty, stillInLine } from './line.js';

/** What one round has given out. */
interface Round {
  called: InLine[];
  live: LiveWaiter[];
  /** Lines that ended before their count, with the write of the ledger by then; none where that was being changed. */
  short: (LinePart & { write: string })[];
}

const NOTHING: Round = { called: [], live: [], short: [] };

interface LinePart {
  turn: string;
  priority: number;
}

/** Permits that one round gives at most: each reads a job with its payload. */
const MOST_AT_ONCE = 32;
/** Jobs that one round sends on to the line of another permit that they need. */
const MOST_SENT_ON = 8;
const AGAIN_MS = 20;
const MOST_ALARMS = 10_000;
/** Processes that wait for the same moment look one after the other. */
const SPREAD_MS = 20;
const LEASE_OVER_MS = 500;
/** A permit that was given so long ago and not been called for may have lost the process that gave it. */
const FORGOTTEN_MS = 2_000;

/**
 * Gives free permits to those that wait, by priority, turn and order. It runs in whatever process has changed a ledger with waiters, just after
 * that: with the release of a permit, or with the entry of a job into the line. The compare-and-set on the ledger lets one of several
 * win. A permit that is free by time, of a rate or after a `Retry-After`, is given when it is due by a timer in the processes that know of
 * the line; the jobs in it have their own timers in the broker, should all of these die.
 */
export class Dispatcher {
  /** Told of permits that were given to handlers that wait. */
  onLive: (waiters: readonly LiveWaiter[], at: LimitKey) => void = () => {};
  /** The needs of a job in line, under the settings of now. */
  current: (needs: readonly NeededPermit[]) => Promise<readonly NeededPermit[]> = async (needs) => needs;
  readonly #broker: Broker;
  readonly #ledgers: Ledgers;
  readonly #leaseMs: number;
  readonly #logger: Logger;
  readonly #latest = new Map<string, Ledger>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #alarms = new Map<string, NodeJS.Timeout>();
  #isStopped = false;
  /** How many ledgers were seen: a read that was under way meanwhile may be older. */
  #changes = 0;

  constructor(broker: Broker, ledgers: Ledgers, leaseMs: number, logger: Logger) {
    this.#broker = broker;
    this.#ledgers = ledgers;
    this.#leaseMs = leaseMs;
    this.#logger = logger;
  }

  /** A ledger as it is now. */
  seen(ledger: Ledger): void {
    if (this.#isStopped) return;
    this.#changes++;
    const id = idOf(ledger.name, ledger.key);
    if (!hasWaiting(ledger)) {
      this.#latest.delete(id);
      this.#setAlarm(id, ledger, Number.POSITIVE_INFINITY);
      return;
    }
    this.#latest.set(id, ledger);
    if (this.#running.has(id)) return;
    this.#running.set(id, this.#run(id, ledger));
  }

  /** Resolves when nothing is being given of a key. */
  async idle({ name, key }: LimitKey): Promise<void> {
    await this.#running.get(idOf(name, key));
  }

  /** Looks at a key whatever is known of it, and calls again what was given a permit and has perhaps not been called. */
  async recover(at: LimitKey): Promise<void> {
    const ledger = await this.#ledgers.read(at);
    const nowMs = this.#broker.clock.now();
    for (const { given, since, owner } of ledger.held) {
      if (given === undefined || nowMs - since < FORGOTTEN_MS) continue;
      await this.callAgain(at, owner);
    }
    await this.idle(at);
    this.seen(await this.#ledgers.read(at));
    await this.idle(at);
  }

  /** Calls a job that has a permit, where it is still in line. */
  async callAgain(at: LimitKey, id: string): Promise<void> {
    const waiting = await stillInLine(this.#broker, at, id);
    if (waiting) await call(this.#broker, waiting);
  }

  stop(): void {
    this.#isStopped = true;
    for (const alarm of this.#alarms.values()) clearTimeout(alarm);
    this.#alarms.clear();
    this.#latest.clear();
  }

  /** Never rejects. */
  async #run(id: string, first: Ledger): Promise<void> {
    const at = { name: first.name, key: first.key };
    // From here on it is known to run.
    await Promise.resolve();
    try {
      /** Lines that were seen to be empty, with the write of the ledger before that was looked at. */
      let confirmed = new Map<string, string>();
      for (let ledger = this.#latest.get(id); ledger && !this.#isStopped; ledger = this.#latest.get(id)) {
        const nowMs = this.#broker.clock.now();
        const dueMs = this.#dueAt(ledger, nowMs);
        if (dueMs > nowMs) {
          this.#setAlarm(id, ledger, dueMs);
          return;
        }
        const { called, live, short } = await this.#round(ledger, confirmed);
        confirmed = new Map();
        await Promise.all(called.map((each) => call(this.#broker, each)));
        if (live.length > 0) this.onLive(live, at);
        if (called.length + live.length > 0) continue;
        if (short.length === 0 && this.#latest.get(id) === ledger) {
          // Somebody else was faster, or nothing is to be given after all.
          const stored = await this.#ledgers.read(at);
          // Of what was written here meanwhile, the read may not know.
          if (this.#latest.get(id) === ledger) {
            if (stored.write === ledger.write) {
              this.#setAlarm(id, ledger, this.#broker.clock.now() + LEASE_OVER_MS);
              return;
            }
            this.#latest.set(id, stored);
          }
        }
        for (const { turn, priority, write } of short) {
          if (await isLineEmpty(this.#broker, at, turn, priority))
            confirmed.set(partId({ turn, priority }), write);
          else await delay(AGAIN_MS);
        }
      }
    } catch (error) {
      if (JetfleetError.is(error, 'JETFLEET_CLOSED')) return;
      const { message } = error as Error;
      this.#logger.warn(
        { limit: at.name, key: at.key, message },
        'cannot call who waits for a permit; trying again',
      );
      this.#setAlarm(id, first, this.#broker.clock.now() + LEASE_OVER_MS * 2);
    } finally {
      this.#running.delete(id);
    }
  }

  /** When there may be a permit to give: now, when it is due by time, or when the first lease ends. */
  #dueAt(ledger: Ledger, nowMs: number): number {
    const now = { ...ledger };
    prune(now, nowMs);
    if (!hasWaiting(now)) return Number.POSITIVE_INFINITY;
    const giveMs = nextGiveAt(now, nowMs);
    if (Number.isFinite(giveMs)) return giveMs;
    return Math.min(...now.held.map(({ until }) => until)) + LEASE_OVER_MS;
  }

  #setAlarm(id: string, { name, key }: LimitKey, dueMs: number): void {
    clearTimeout(this.#alarms.get(id));
    this.#alarms.delete(id);
    if (!Number.isFinite(dueMs) || this.#isStopped) return;
    const inMs =
      Math.min(Math.max(0, dueMs - this.#broker.clock.now()), 2 ** 31 - 1) + Math.random() * SPREAD_MS;
    const onAlarm = async () => {
      this.#alarms.delete(id);
      const changes = this.#changes;
      const again = () => this.#setAlarm(id, { name, key }, this.#broker.clock.now() + AGAIN_MS * 5);
      try {
        const stored = await this.#ledgers.read({ name, key });
        // What was written here meanwhile is newer.
        if (this.#changes === changes) this.seen(stored);
        else if (!this.#running.has(id)) again();
      } catch (err) {
        this.#logger.debug({ err, limit: name, key }, 'cannot read a limit');
        if (!JetfleetError.is(err, 'JETFLEET_CLOSED')) again();
      }
    };
    this.#alarms.set(id, setTimeout(() => void onAlarm(), inMs).unref());
    if (this.#alarms.size > MOST_ALARMS) {
      clearTimeout(this.#alarms.values().next().value);
      forgetOldest(this.#alarms, MOST_ALARMS);
    }
  }

  async #round(ledger: Ledger, confirmed: ReadonlyMap<string, string>): Promise<Round> {
    const nowMs = this.#broker.clock.now();
    const wanted = wantedOf(ledger, nowMs, this.#leaseMs);
    const lines = new Map<string, InLine[]>();
    await Promise.all(
      [...wanted.values()].map(async ({ turn, priority, count }) => {
        // Some may have been given a permit by others, who are about to call them.
        const heads = await firstInLine(this.#broker, ledger, turn, priority, count + ledger.held.length);
        lines.set(partId({ turn, priority }), heads);
      }),
    );
    const needs = new Map<string, NeededPermit>();
    for (const head of [...lines.values()].flat()) {
      head.needs = [...(await this.current(head.needs))];
      for (const need of head.needs) needs.set(idOf(need.name, need.key), need);
    }
    const own = needs.get(idOf(ledger.name, ledger.key));
    needs.delete(idOf(ledger.name, ledger.key));
    return this.#ledgers.update([ledger, ...needs.values()], (drafts, atMs) => {
      // Who was first in line when it was read may have been called and have ended since: that would count out another one.
      if (drafts[0]?.left !== ledger.left) return { result: NOTHING, isChanged: false };
      // By what somebody has set, also where who wrote it last had not heard of that.
      if (own?.setAt !== undefined) set(drafts[0] as Ledger, own);
      const all = new Map(drafts.map((draft) => [idOf(draft.name, draft.key), draft]));
      return giveOut(all, drafts[0] as Ledger, lines, confirmed, { nowMs: atMs, leaseMs: this.#leaseMs });
    });
  }
}

interface Wanted extends LinePart {
  count: number;
}

/** Whose heads are to be read: a rehearsal on a copy. */
function wantedOf(ledger: Ledger, nowMs: number, leaseMs: number): Map<string, Wanted> {
  const copy = { ...ledger, held: [...ledger.held] };
  prune(copy, nowMs);
  const wanted = new Map<string, Wanted>();
  for (let count = 0; count < MOST_AT_ONCE; count++) {
    const freeMs = givenNow(copy, nowMs);
    const next = freeMs !== undefined && nextInTurn(copy);
    if (!next) break;
    const rehearsed = { owner: `rehearsed ${count}`, job: '', worker: '', run: '' };
    if (next.kind === 'live') {
      liveTurn(copy, next.waiter);
    } else {
      const { turn, priority } = next;
      const part = wanted.get(partId(next)) ?? { turn, priority, count: 0 };
      part.count++;
      wanted.set(partId(next), part);
      leave(copy, turn, priority, true);
    }
    give(copy, rehearsed, freeMs, nowMs, leaseMs);
  }
  return wanted;
}

function giveOut(
  all: ReadonlyMap<string, Ledger>,
  ledger: Ledger,
  lines: ReadonlyMap<string, InLine[]>,
  confirmed: ReadonlyMap<string, string>,
  { nowMs, leaseMs }: { nowMs: number; leaseMs: number },
): { result: Round; isChanged: boolean } {
  const round: Round = { called: [], live: [], short: [] };
  const left = new Map([...lines].map(([part, heads]) => [part, [...heads]]));
  const ownId = idOf(ledger.name, ledger.key);
  let isEmptied = false;
  let sentOn = 0;
  while (round.called.length + round.live.length < MOST_AT_ONCE && sentOn < MOST_SENT_ON) {
    const freeMs = givenNow(ledger, nowMs);
    const next = freeMs !== undefined && nextInTurn(ledger);
    if (!next) break;
    if (next.kind === 'live') {
      const { owner, job, worker, run } = next.waiter;
      liveTurn(ledger, next.waiter);
      give(ledger, { owner, job, worker, run }, freeMs, nowMs, leaseMs);
      round.live.push(next.waiter);
      continue;
    }
    const { turn, priority } = next;
    const heads = left.get(partId(next));
    if (!heads) break;
    let head = heads.shift();
    while (head && ownPermit(ledger, head.id)) head = heads.shift();
    if (!head) {
      // Who has joined the line since then has written the ledger.
      if (ledger.write !== '' && confirmed.get(partId(next)) === ledger.write) {
        empty(ledger, turn, priority);
        isEmptied = true;
        continue;
      }
      round.short.push({ turn, priority, write: ledger.write });
      break;
    }
    const claimant: Claimant = { owner: head.id, job: head.id, worker: '', run: '' };
    const others = head.needs.filter((need) => idOf(need.name, need.key) !== ownId);
    const drafts = others.map((need) => {
      const draft = all.get(idOf(need.name, need.key)) as Ledger;
      set(draft, need);
      return draft;
    });
    // What a call before this one has given it is of no use without the others.
    for (const draft of drafts) if (ownPermit(draft, head.id)?.given !== undefined) release(draft, head.id);
    const wanting = drafts.filter((draft) => !ownPermit(draft, head.id));
    const free = wanting.map((draft) => givenNow(draft, nowMs));
    const isFree = free.every((each) => each !== undefined);
    leave(ledger, turn, priority, isFree);
    round.called.push(head);
    if (!isFree) {
      // It goes on to the line of the other permit by itself.
      sentOn++;
      continue;
    }
    // It starts once, and so counts at the same time everywhere.
    const atMs = Math.max(freeMs, ...(free as number[]));
    for (const each of [ledger, ...wanting]) give(each, claimant, atMs, nowMs, leaseMs);
  }
  return { result: round, isChanged: isEmptied || round.called.length + round.live.length > 0 };
}

function partId({ turn, priority }: LinePart): string {
  return `${priority} ${turn}`;
}
