import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import type { ExtraStream } from '../../broker/extra-stream.js';
import { ConflictError, JetfleetError } from '../../jobs/errors.js';
import { forgetOldest } from '../../jobs/forget-oldest.js';
import { newUlid } from '../../jobs/ulid.js';
import { Header } from '../../wire/headers.js';
import { decodeLedger, emptyLedger, encodeLedger, type Ledger } from '../../wire/limit-message.js';
import { permitsSubject } from '../../wire/limit-subjects.js';
import { lifetimeSeconds, ownPermit, prune } from './ledger.js';

/** A limit and its key. */
export interface LimitKey {
  name: string;
  key: string;
}

/** What a change of some ledgers comes to; `isChanged` has them written. */
export interface Changed<T> {
  result: T;
  isChanged: boolean;
}

interface Pending {
  keys: string[];
  change: (drafts: Ledger[], nowMs: number) => Changed<unknown>;
  resolve: (result: unknown) => void;
  reject: (error: unknown) => void;
  tries: number;
}

interface Known {
  ledger: Ledger;
  seq: number;
}

/** Ledgers that are remembered as they were last seen. */
const MAX_KNOWN = 5_000;
/** Ledgers in one batch; a server takes at most 1,000 messages. */
const MAX_TOGETHER = 400;
/** Writers that meet at one ledger try again after a random part of this, doubled with each try up to the second. */
const AGAIN_MS = 2;
const MOST_AGAIN_MS = 100;

/**
 * The ledgers of LIMITS as this process changes them: each change is a compare-and-set on the sequence of the ledger's message, and
 * changes of several ledgers are one atomic batch. What waits for a ledger meanwhile is done together with the next write, so a key that
 * many ask for costs one write for all of them. A ledger is remembered; whoever else writes it makes the next write here a
 * conflict, after which it is read.
 */
export class Ledgers {
  readonly #broker: Broker;
  readonly #onSeen: (ledger: Ledger) => void;
  readonly #known = new Map<string, Known>();
  #pending: Pending[] = [];
  /** Ledgers that are being read or written. */
  readonly #busy = new Set<string>();
  #isTurnAwaited = false;

  /** @param onSeen told of each ledger that was written here */
  constructor(broker: Broker, onSeen: (ledger: Ledger) => void) {
    this.#broker = broker;
    this.#onSeen = onSeen;
  }

  get #store(): ExtraStream {
    return this.#broker.limits;
  }

  /**
   * Changes ledgers together, or none of them.
   * @param change of drafts, in the order of `keys`; called again with newer ones where somebody else was faster
   * @throws BrokerError where the broker takes no writes
   */
  update<T>(keys: readonly LimitKey[], change: (drafts: Ledger[], nowMs: number) => Changed<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#pending.push({
        keys: keys.map(({ name, key }) => idOf(name, key)),
        change,
        resolve: resolve as (result: unknown) => void,
        reject,
        tries: 0,
      });
      this.#flushSoon();
    });
  }

  /** A ledger as it was last seen here. */
  known({ name, key }: LimitKey): Ledger | undefined {
    return this.#known.get(idOf(name, key))?.ledger;
  }

  /** A ledger as it is stored now. */
  async read({ name, key }: LimitKey): Promise<Ledger> {
    const id = idOf(name, key);
    const [known] = await this.#load([id]);
    return (known as Known).ledger;
  }

  /** Has a ledger read before it is used next, unless what is known of it shows a permit of this owner. */
  refresh(keys: readonly LimitKey[], owner: string): void {
    for (const { name, key } of keys) {
      const id = idOf(name, key);
      const known = this.#known.get(id);
      // What is being written now is of the newest, or comes to be read.
      if (known && !this.#busy.has(id) && !ownPermit(known.ledger, owner)) this.#known.delete(id);
    }
  }

  #flushSoon(): void {
    if (this.#isTurnAwaited) return;
    this.#isTurnAwaited = true;
    setImmediate(() => {
      this.#isTurnAwaited = false;
      this.#flush();
    });
  }

  /** Takes what no write is in the way of, in groups that have no ledger in common. */
  #flush(): void {
    const waiting = this.#pending;
    this.#pending = [];
    const blocked = new Set(this.#busy);
    const groups: Pending[][] = [];
    const groupOf = new Map<string, Pending[]>();
    for (const pending of waiting) {
      if (groupOf.size >= MAX_TOGETHER || pending.keys.some((id) => blocked.has(id))) {
        // What comes later for the same ledgers must not overtake it.
        for (const id of pending.keys) blocked.add(id);
        this.#pending.push(pending);
        continue;
      }
      const joined = new Set(
        pending.keys.flatMap((id) => groupOf.get(id) ?? []).map((each) => groupOf.get(each.keys[0] ?? '')),
      );
      const [first = [], ...others] = [...joined].filter((group) => group !== undefined);
      if (first.length === 0) groups.push(first);
      for (const other of others) {
        first.push(...other.splice(0));
        for (const each of first) for (const id of each.keys) groupOf.set(id, first);
      }
      first.push(pending);
      for (const id of pending.keys) groupOf.set(id, first);
    }
    for (const group of groups) if (group.length > 0) void this.#commit(group);
    if (this.#pending.length > 0 && groups.length > 0 && this.#busy.size === 0) this.#flushSoon();
  }

  async #commit(group: readonly Pending[]): Promise<void> {
    const ids = [...new Set(group.flatMap(({ keys }) => keys))];
    for (const id of ids) this.#busy.add(id);
    try {
      const missing = ids.filter((id) => !this.#known.has(id));
      if (missing.length > 0) await this.#load(missing);
      await this.#write(group, ids);
    } catch (error) {
      for (const id of ids) this.#known.delete(id);
      if (error instanceof ConflictError) await this.#again(group);
      else for (const { reject } of group) reject(error);
    } finally {
      for (const id of ids) this.#busy.delete(id);
      forgetOldest(this.#known, MAX_KNOWN);
      if (this.#pending.length > 0) this.#flushSoon();
    }
  }

  async #write(group: readonly Pending[], ids: readonly string[]): Promise<void> {
    const nowMs = this.#broker.clock.now();
    const drafts = new Map(
      ids.map((id) => {
        const ledger = { ...(this.#known.get(id) as Known).ledger };
        ledger.held = [...ledger.held];
        prune(ledger, nowMs);
        return [id, ledger];
      }),
    );
    const changed = new Set<string>();
    const results = group.map(({ keys, change, reject }) => {
      try {
        const { result, isChanged } = change(
          keys.map((id) => drafts.get(id) as Ledger),
          nowMs,
        );
        if (isChanged) {
          for (const id of keys) {
            changed.add(id);
            // It is another ledger now, also for changes that are written together with this one.
            (drafts.get(id) as Ledger).write = '';
          }
        }
        return { result };
      } catch (error) {
        reject(error);
        return undefined;
      }
    });
    const written = [...changed];
    const ledgers = written.map((id) => ({ ...(drafts.get(id) as Ledger), write: newUlid() }));
    if (written.length > 0) {
      const seqs = await this.#commitAll(written, ledgers, nowMs);
      for (const [index, id] of written.entries()) {
        this.#known.delete(id);
        this.#known.set(id, { ledger: ledgers[index] as Ledger, seq: seqs[index] as number });
      }
    }
    for (const [index, { resolve }] of group.entries()) {
      const each = results[index];
      if (each) resolve(each.result);
    }
    for (const ledger of ledgers) this.#onSeen(ledger);
  }

  async #commitAll(ids: readonly string[], ledgers: readonly Ledger[], nowMs: number): Promise<number[]> {
    const appends = ids.map((id, index) => {
      const ledger = ledgers[index] as Ledger;
      const subject = this.#subjectOf(id);
      return {
        subject,
        data: encodeLedger(ledger),
        headers: [[Header.TTL, `${lifetimeSeconds(ledger, nowMs)}s`]] as const,
        expect: { filter: subject, lastSeq: (this.#known.get(id) as Known).seq },
      };
    });
    try {
      return await this.#store.commit(appends);
    } catch (error) {
      if (!JetfleetError.is(error, 'JETFLEET_PUBLISH_TIMEOUT')) throw error;
      // It may be stored or not: its own bytes say so.
      const stored = await this.#load(ids);
      if (stored.every(({ ledger }, index) => ledger.write === ledgers[index]?.write))
        return stored.map(({ seq }) => seq);
      throw new ConflictError(`the broker did not confirm ${appends[0]?.subject}`);
    }
  }

  /** Others write the same ledgers. */
  async #again(group: readonly Pending[]): Promise<void> {
    const tries = Math.max(...group.map((each) => ++each.tries));
    if (tries > 1) await delay(Math.random() * Math.min(AGAIN_MS * 2 ** Math.min(tries, 10), MOST_AGAIN_MS));
    this.#pending = [...group, ...this.#pending];
  }

  async #load(ids: readonly string[]): Promise<Known[]> {
    const found = new Map<string, Known>();
    const subjects = ids.map((id) => this.#subjectOf(id));
    const messages =
      ids.length === 1
        ? [await this.#store.read.last(this.#store.name, subjects[0] as string)]
        : await this.#store.read.lastOfEach(this.#store.name, subjects);
    for (const message of messages) {
      if (!message) continue;
      const ledger = decodeLedger(message.data);
      const id = ids[subjects.indexOf(message.subject)];
      if (id === undefined) continue;
      // What somebody else wrote there is replaced.
      const own = ledger && idOf(ledger.name, ledger.key) === id ? ledger : emptyLedger(...partsOf(id));
      found.set(id, { ledger: own, seq: message.seq });
    }
    return ids.map((id) => {
      const known = found.get(id) ?? { ledger: emptyLedger(...partsOf(id)), seq: 0 };
      this.#known.set(id, known);
      return known;
    });
  }

  #subjectOf(id: string): string {
    return permitsSubject(this.#broker.subjects, ...partsOf(id));
  }
}

/** A name has no blank. */
export function idOf(name: string, key: string): string {
  return `${name} ${key}`;
}

function partsOf(id: string): [name: string, key: string] {
  const at = id.indexOf(' ');
  return [id.slice(0, at), id.slice(at + 1)];
}
