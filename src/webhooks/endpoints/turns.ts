/**
 * The order of webhooks that go to an endpoint one after the other: those of one instance where the endpoint is `ordered`, and those that
 * were kept while it was disabled. Each has one small message in ENDPOINTS until its job has ended. A webhook that is not the first
 * hibernates, and is woken by the one before it.
 */
import type { Broker } from '../../broker/broker.js';
import { ConflictError } from '../../jobs/errors.js';
import { forgetOldest } from '../../jobs/forget-oldest.js';
import { inParts } from '../../jobs/in-parts.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { findJob } from '../../queue/job-lookup.js';
import { leaderEvent } from '../../queue/waiting/leader-event.js';
import { wakeWaiting } from '../../queue/waiting/wake.js';
import { type TurnAddress, turnSubject } from '../../wire/endpoint-subjects.js';
import { Header, type HeaderList } from '../../wire/headers.js';
import { ANY } from '../../wire/subjects.js';
import type { EndpointStore } from './endpoint-store.js';
import { MAX_KEEP_AGE_MS } from './keep-limits.js';
import { hasReplicas, upToLeader } from './leader-read.js';
import { PassedEvents } from './passed-events.js';
import type { Turn } from './turn.js';

/** Where a webhook is in its order. */
export type Place = 'first' | 'behind';

interface TakenTurn extends Turn {
  /** In ms since 1970. */
  takenMs: number;
  /** In ENDPOINTS. */
  seq: number;
}

/** The turns of a key, the first one first, as they were read. */
interface Order {
  at: number;
  /** All events up to this one had been passed on by then. */
  upTo: number;
  turns: TakenTurn[];
}

/** The key of what an endpoint keeps that has no order of its own. */
export const KEPT = 'kept';
/** A turn outlives every webhook that is kept, also where its endpoint is changed to keep it for longer. */
const TURN_SECONDS = MAX_KEEP_AGE_MS / 1_000 + 3 * 86_400;
const PAGE = 1_000;
/** How long an order is remembered that was read whole. */
const REMEMBERED_MS = 2_000;
const MOST_REMEMBERED = 200;
/** A job that runs may be about to wait: it is woken again after this. */
const UNREADY_MS = 250;
const MOST_UNREADY = 40;
/** A turn is taken before its job is added; after this, none is to come. */
const ORPHAN_MS = 300_000;
const WAKES_AT_ONCE = 32;
const decoder = new TextDecoder();

export class Turns {
  readonly #broker: Broker;
  readonly #passed: PassedEvents;
  readonly #remembered = new Map<string, Order>();

  constructor(store: EndpointStore) {
    this.#broker = store.broker;
    this.#passed = new PassedEvents(store, (turn) => this.#takeFor(turn));
  }

  /** Takes a place. Taking it again changes nothing. */
  async take(turn: Turn): Promise<void> {
    const stream = this.#broker.extra.of('endpoints');
    await stream.open();
    const data = JSON.stringify({ v: 1, ...turn });
    const headers: HeaderList = [[Header.TTL, `${TURN_SECONDS}s`]];
    const subject = turnSubject(this.#broker.subjects, turn);
    try {
      await stream.log.append({ subject, data, headers, expect: { filter: subject, lastSeq: 0 } });
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
    this.#remembered.delete(nameOf(turn));
  }

  /** As {@link take}, for one that mostly has its place. */
  async hold(turn: Turn): Promise<void> {
    if (!(await this.#has(turn))) await this.take(turn);
  }

  /** Takes the place of a webhook whose job is yet to be added by others. They may have done so meanwhile, and it may have left its place. */
  async #takeFor(turn: Turn): Promise<void> {
    await this.take(turn);
    const last = (await leaderEvent(this.#broker, turn.jobId))?.record;
    if (last && isTerminal(last.status)) await this.#remove(turn);
  }

  /** Where a webhook is. Those before it that have ended without leaving, since somebody has cancelled them, do not count. */
  async placeOf(turn: Pick<Turn, 'endpoint' | 'key' | 'jobId'>): Promise<Place> {
    let order = await this.#order(turn, turn.jobId);
    for (let { upTo } = order; ; ) {
      const [first] = order.turns;
      // It has left the order, or its place has expired.
      if (!first || !order.turns.some(({ jobId }) => jobId === turn.jobId)) return 'first';
      if (first.jobId === turn.jobId) {
        const { event = 0 } = first;
        if (event <= upTo) return 'first';
        await this.#passed.reach(event);
        upTo = event;
        // What was read before that may be without some before it.
        order = await this.#readOrder(turn);
        continue;
      }
      const state = await wakeWaiting(this.#broker, first.jobId);
      if (state !== 'ended' && !(state === 'gone' && (await this.#isOrphan(first)))) return 'behind';
      await this.#remove(first);
      order = await this.#order(turn, turn.jobId);
    }
  }

  /** Leaves, and wakes the next one. */
  async leave(turn: Pick<Turn, 'endpoint' | 'key' | 'jobId'>): Promise<void> {
    await this.#remove(turn);
    await this.wakeFirst(turn);
  }

  /**
   * Of a webhook that has ended, whoever ended it: it leaves, where it has not. The next one is woken in any case, since whoever left may not have
   * done it.
   * @param isKept the endpoint keeps its webhooks: none is woken
   * @returns false where the next one runs and may be about to wait: it is to be woken once more, or comes by itself
   */
  async ended(turn: Pick<Turn, 'endpoint' | 'key' | 'jobId'>, isKept: boolean): Promise<boolean> {
    const isLeft = !(await this.#has(turn));
    if (!isLeft) {
      // Somebody may have sent it once more since, which took its place again.
      const last = (await leaderEvent(this.#broker, turn.jobId))?.record;
      if (last && !isTerminal(last.status)) return true;
      await this.#remove(turn);
    }
    return isKept || (await this.wakeFirst(turn, 1)) || isLeft;
  }

  /** Wakes the first of a key. One that is about to wait is woken once it does. @returns false where it still runs */
  async wakeFirst(of: Pick<Turn, 'endpoint' | 'key'>, tries = MOST_UNREADY): Promise<boolean> {
    for (let unready = 0; unready < tries; ) {
      const [first] = (await this.#order(of)).turns;
      if (!first) return true;
      const state = await wakeWaiting(this.#broker, first.jobId);
      if (state === 'woken' || state === 'moved') return true;
      if (state === 'ended' || (state === 'gone' && (await this.#isOrphan(first)))) await this.#remove(first);
      else if (state === 'gone') return true;
      else {
        unready++;
        if (unready < tries) await new Promise((resolve) => setTimeout(resolve, UNREADY_MS));
      }
    }
    return false;
  }

  /** Wakes the first of each key. @returns how many webhooks are in line */
  async wakeAll(endpoint: string): Promise<number> {
    const turns = await this.#read({ endpoint, key: ANY, jobId: ANY });
    const keys = [...new Set(turns.map(({ key }) => key))];
    await inParts(keys, WAKES_AT_ONCE, (key) => this.wakeFirst({ endpoint, key }));
    return turns.length;
  }

  /** How many are in line, and when the first of them came, in ms since 1970. */
  async count(endpoint: TurnAddress['endpoint']): Promise<{ count: number; oldestMs?: number }> {
    const filter = turnSubject(this.#broker.subjects, { endpoint, key: ANY, jobId: ANY });
    return this.#broker.extra
      .of('endpoints')
      .find<{ count: number; oldestMs?: number }>({ count: 0 }, async (read, stream) => {
        const count = await read.count(stream, filter);
        const first = count > 0 ? await read.next(stream, filter) : undefined;
        return { count, ...(first && { oldestMs: first.timeMs }) };
      });
  }

  /** Forgets an endpoint. */
  async forget(endpoint: string): Promise<void> {
    const filter = turnSubject(this.#broker.subjects, { endpoint, key: ANY, jobId: ANY });
    await this.#broker.topology.purge('endpoints', filter);
    this.#remembered.clear();
  }

  async #remove({ endpoint, key, jobId }: Pick<Turn, 'endpoint' | 'key' | 'jobId'>): Promise<void> {
    const { subjects, topology } = this.#broker;
    await topology.purge('endpoints', turnSubject(subjects, { endpoint, key, jobId }));
    const known = this.#remembered.get(nameOf({ endpoint, key }));
    if (known) known.turns = known.turns.filter((turn) => turn.jobId !== jobId);
  }

  /** @param self is in line, whatever is remembered */
  async #order(of: Pick<Turn, 'endpoint' | 'key'>, self?: string): Promise<Order> {
    const known = this.#remembered.get(nameOf(of));
    const isKnown = known && performance.now() - known.at < REMEMBERED_MS;
    if (!known || !isKnown || (self !== undefined && !known.turns.some(({ jobId }) => jobId === self)))
      return this.#readOrder(of);
    // Another worker may have removed those that are remembered.
    for (let [first] = known.turns; first; [first] = known.turns) {
      if (first.jobId === self || (await this.#has(first))) return known;
      // Or a replica is behind.
      if (hasReplicas(this.#broker)) return this.#readOrder(of);
      if (known.turns[0] === first) known.turns.shift();
    }
    return known;
  }

  async #readOrder(of: Pick<Turn, 'endpoint' | 'key'>): Promise<Order> {
    const { upTo } = this.#passed;
    const turns = await this.#readWhole(of);
    // Of two that have ended in the same ms, that which was stored first.
    turns.sort((a, b) => a.sequence - b.sequence || (a.event ?? 0) - (b.event ?? 0));
    const order = { at: performance.now(), upTo, turns };
    this.#remembered.set(nameOf(of), order);
    forgetOldest(this.#remembered, MOST_REMEMBERED);
    return order;
  }

  /** Of a key, all that the leader has: a replica may be behind. */
  #readWhole({ endpoint, key }: Pick<Turn, 'endpoint' | 'key'>): Promise<TakenTurn[]> {
    const address: TurnAddress = { endpoint, key, jobId: ANY };
    const lastSeqOf = (turns: TakenTurn[]) => turns.reduce((last, { seq }) => Math.max(last, seq), 0);
    const filter = turnSubject(this.#broker.subjects, address);
    return upToLeader(this.#broker, filter, () => this.#read(address), lastSeqOf);
  }

  /** Of a worker that died between the turn and its job, or of a job that was removed. */
  async #isOrphan({ jobId, takenMs }: TakenTurn): Promise<boolean> {
    if (this.#broker.clock.now() - takenMs < ORPHAN_MS) return false;
    return (await findJob(this.#broker, jobId)) === undefined;
  }

  async #has(turn: TurnAddress): Promise<boolean> {
    const subject = turnSubject(this.#broker.subjects, turn);
    const read = this.#broker.extra
      .of('endpoints')
      .find(undefined, (reader, stream) => reader.last(stream, subject));
    return (await read) !== undefined;
  }

  #read(address: TurnAddress): Promise<TakenTurn[]> {
    const filter = turnSubject(this.#broker.subjects, address);
    return this.#broker.extra.of('endpoints').find<TakenTurn[]>([], async (read, stream) => {
      const turns: TakenTurn[] = [];
      for await (const { data, timeMs, seq } of read.walk(stream, filter, 1, PAGE)) {
        const turn = decodeTurn(data);
        if (turn) turns.push({ ...turn, takenMs: timeMs, seq });
      }
      return turns;
    });
  }
}

function nameOf({ endpoint, key }: Pick<Turn, 'endpoint' | 'key'>): string {
  return `${endpoint} ${key}`;
}

function decodeTurn(data: Uint8Array): Turn | undefined {
  try {
    const turn = JSON.parse(decoder.decode(data)) as Turn & { v: number };
    const { v, endpoint, key, jobId, sequence, event } = turn;
    const areTexts = [endpoint, key, jobId].every((text) => typeof text === 'string');
    if (v !== 1 || !areTexts || !Number.isFinite(sequence)) return undefined;
    return { endpoint, key, jobId, sequence, ...(Number.isInteger(event) && { event: event as number }) };
  } catch {
    return undefined;
  }
}
