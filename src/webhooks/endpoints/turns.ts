/**
 * The order of webhooks that go to an endpoint one after the other: those of one instance where the endpoint is `ordered`, and those that
 * were kept while it was disabled. Each has one small message in ENDPOINTS until its job has ended. A webhook that is not the first
 * hibernates, and is woken by the one before it.
 */
import type { Broker } from '../../broker/broker.js';
import { forgetOldest } from '../../jobs/forget-oldest.js';
import { inParts } from '../../jobs/in-parts.js';
import { findJob } from '../../queue/job-lookup.js';
import { wakeWaiting } from '../../queue/waiting/wake.js';
import { type TurnAddress, turnSubject } from '../../wire/endpoint-subjects.js';
import { Header, type HeaderList } from '../../wire/headers.js';
import { ANY } from '../../wire/subjects.js';

/** A webhook in the order of `key`. */
export interface Turn {
  endpoint: string;
  key: string;
  jobId: string;
  /** The lower comes first. */
  sequence: number;
}

interface TakenTurn extends Turn {
  /** In ms since 1970. */
  takenMs: number;
}

/** The key of what an endpoint keeps that has no order of its own. */
export const KEPT = 'kept';
const PAGE = 1_000;
/** How long an order is remembered that was read whole. */
const REMEMBERED_MS = 2_000;
const MOST_REMEMBERED = 200;
/** A job that runs may be about to wait: it is woken again after this. */
const UNREADY_MS = 250;
const MOST_UNREADY = 40;
/** A turn is taken before its job is added; after this, none is to come. */
const ORPHAN_MS = 300_000;
/** A replica that is behind is read again so often. */
const BEHIND_MS = 50;
const MOST_BEHIND = 40;
const WAKES_AT_ONCE = 32;
const decoder = new TextDecoder();

export class Turns {
  readonly #broker: Broker;
  readonly #remembered = new Map<string, { at: number; turns: TakenTurn[] }>();

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** Takes a place, for so long at most. Taking it again changes nothing. */
  async take(turn: Turn, forMs: number): Promise<void> {
    const stream = this.#broker.extra.of('endpoints');
    await stream.open();
    const data = JSON.stringify({ v: 1, ...turn });
    const headers: HeaderList = [[Header.TTL, `${Math.ceil(forMs / 1_000)}s`]];
    await stream.log.append({ subject: turnSubject(this.#broker.subjects, turn), data, headers });
    this.#remembered.delete(`${turn.endpoint} ${turn.key}`);
  }

  /** Whether a webhook is the first. Those before it that have ended without leaving, since somebody has cancelled them, do not count. */
  async isFirst(turn: Pick<Turn, 'endpoint' | 'key' | 'jobId'>): Promise<boolean> {
    for (;;) {
      const first = await this.#first(turn, turn.jobId);
      if (!first || first.jobId === turn.jobId) return true;
      const state = await wakeWaiting(this.#broker, first.jobId);
      if (state !== 'ended' && !(state === 'gone' && (await this.#isOrphan(first)))) return false;
      await this.#remove(first);
    }
  }

  /** Leaves, and wakes the next one. */
  async leave(turn: Pick<Turn, 'endpoint' | 'key' | 'jobId'>): Promise<void> {
    await this.#remove(turn);
    await this.wakeFirst(turn);
  }

  /** Wakes the first of a key. One that is about to wait is woken once it does. */
  async wakeFirst(of: Pick<Turn, 'endpoint' | 'key'>): Promise<void> {
    for (let unready = 0; unready < MOST_UNREADY; ) {
      const first = await this.#first(of);
      if (!first) return;
      const state = await wakeWaiting(this.#broker, first.jobId);
      if (state === 'woken' || state === 'moved') return;
      if (state === 'ended' || (state === 'gone' && (await this.#isOrphan(first)))) await this.#remove(first);
      else if (state === 'gone') return;
      else {
        unready++;
        await new Promise((resolve) => setTimeout(resolve, UNREADY_MS));
      }
    }
  }

  /** Wakes the first of each key. @returns how many webhooks are in line */
  async wakeAll(endpoint: string): Promise<number> {
    const turns = await this.#read({ endpoint, key: ANY, jobId: ANY });
    const keys = [...new Set(turns.map(({ key }) => key))];
    await inParts(keys, WAKES_AT_ONCE, (key) => this.wakeFirst({ endpoint, key }));
    return turns.length;
  }

  /** How many are in line, and when the first of them came, in ms since 1970. */
  async count(endpoint: string): Promise<{ count: number; oldestMs?: number }> {
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
    const known = this.#remembered.get(`${endpoint} ${key}`);
    if (known) known.turns = known.turns.filter((turn) => turn.jobId !== jobId);
  }

  /** @param self is in line, whatever is remembered */
  async #first(
    { endpoint, key }: Pick<Turn, 'endpoint' | 'key'>,
    self?: string,
  ): Promise<TakenTurn | undefined> {
    const name = `${endpoint} ${key}`;
    const known = this.#remembered.get(name);
    const isKnown = known && performance.now() - known.at < REMEMBERED_MS;
    if (!known || !isKnown || (self !== undefined && !known.turns.some(({ jobId }) => jobId === self)))
      return this.#firstRead({ endpoint, key }, self);
    // Another worker may have removed those that are remembered.
    for (let [first] = known.turns; first; [first] = known.turns) {
      if (first.jobId === self || (await this.#has(first))) return first;
      // Or a replica is behind.
      if (this.#hasReplicas) return this.#firstRead({ endpoint, key }, self);
      known.turns.shift();
    }
    return undefined;
  }

  async #firstRead(of: Pick<Turn, 'endpoint' | 'key'>, self?: string): Promise<TakenTurn | undefined> {
    const turns = await this.#readWith(of, self);
    turns.sort((a, b) => a.sequence - b.sequence);
    this.#remembered.set(`${of.endpoint} ${of.key}`, { at: performance.now(), turns });
    forgetOldest(this.#remembered, MOST_REMEMBERED);
    return turns[0];
  }

  /** Of a key, all: a replica of the stream that has not got `self` yet may miss those before it too. */
  async #readWith({ endpoint, key }: Pick<Turn, 'endpoint' | 'key'>, self?: string): Promise<TakenTurn[]> {
    for (let tries = 1; ; tries++) {
      const turns = await this.#read({ endpoint, key, jobId: ANY });
      const isWhole = self === undefined || turns.some(({ jobId }) => jobId === self);
      if (isWhole || !this.#hasReplicas || tries >= MOST_BEHIND) return turns;
      await new Promise((resolve) => setTimeout(resolve, BEHIND_MS));
    }
  }

  get #hasReplicas(): boolean {
    return this.#broker.connection.info?.cluster !== undefined;
  }

  /** Of a worker that died between the turn and its job, or of a job that was removed. */
  async #isOrphan({ jobId, takenMs }: TakenTurn): Promise<boolean> {
    if (this.#broker.clock.now() - takenMs < ORPHAN_MS) return false;
    return (await findJob(this.#broker, jobId)) === undefined;
  }

  async #has(turn: Turn): Promise<boolean> {
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
      for await (const { data, timeMs } of read.walk(stream, filter, 1, PAGE)) {
        const turn = decodeTurn(data);
        if (turn) turns.push({ ...turn, takenMs: timeMs });
      }
      return turns;
    });
  }
}

function decodeTurn(data: Uint8Array): Turn | undefined {
  try {
    const { v, endpoint, key, jobId, sequence } = JSON.parse(decoder.decode(data)) as Turn & { v: number };
    const areTexts = [endpoint, key, jobId].every((text) => typeof text === 'string');
    return v === 1 && areTexts && Number.isFinite(sequence) ? { endpoint, key, jobId, sequence } : undefined;
  } catch {
    return undefined;
  }
}
