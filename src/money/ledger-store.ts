/** LEDGER: one message for each instance, under the status of its entry. A change is a compare-and-set on the message before. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../broker/broker.js';
import type { Append } from '../broker/publish/commit-options.js';
import type { DirectRead, StoredMessage } from '../broker/read/direct-read.js';
import { ConflictError } from '../jobs/errors.js';
import { Header } from '../wire/headers.js';
import { type LedgerAddress, type LedgerStatus, ledgerSubject } from '../wire/ledger-subjects.js';
import { ANY } from '../wire/subjects.js';
import { foldedEntry } from './fold.js';
import type { LedgerEntry } from './ledger-entry.js';
import { decodeEntry, encodeEntry } from './stored-entry.js';

const DAY_MS = 24 * 60 * 60 * 1000;
/** How long the entry of an instance is kept that has ended. */
export const DEFAULT_KEEP_LEDGER_MS = 400 * DAY_MS;
const MOST_TRIES = 50;
const PAUSE_MS = 5;
const MAX_PAUSE_MS = 100;
const PAGE = 500;

/** The instance of an entry: its provider, and its id as that alone knows it. */
export interface LedgerKey {
  provider: string;
  id: string;
}

export class LedgerStore {
  readonly #broker: Broker;
  readonly #keepMs: number;

  /** @param keepMs how long an entry is kept that has ended */
  constructor(broker: Broker, keepMs = DEFAULT_KEEP_LEDGER_MS) {
    this.#broker = broker;
    this.#keepMs = keepMs;
  }

  /** The entry of an id as a job or a provider shows it, with the name of its provider or without. */
  async find(novitaInstanceId: string): Promise<LedgerEntry | undefined> {
    const end = novitaInstanceId.indexOf(':');
    const [provider, id] = [novitaInstanceId.slice(0, Math.max(end, 0)), novitaInstanceId.slice(end + 1)];
    const named = provider && id ? await this.#last({ provider, id }) : undefined;
    return (named ?? (await this.#last({ provider: ANY, id: novitaInstanceId })))?.entry;
  }

  /** Those that a job has rented, oldest first: mostly one. */
  ofJob(jobId: string): Promise<LedgerEntry[]> {
    return this.all({ status: ANY, provider: ANY, id: ANY, jobId });
  }

  /** All of a status, or of a job, as they were written last: the longest ago first. */
  async all(address: LedgerAddress, fromSeq = 1): Promise<LedgerEntry[]> {
    const entries: LedgerEntry[] = [];
    await this.walk(address, fromSeq, (entry) => entries.push(entry));
    return entries;
  }

  /** Calls `take` with each entry that was written at a sequence or later. @returns the sequence to go on with */
  walk(
    address: LedgerAddress,
    fromSeq: number,
    take: (entry: LedgerEntry, message: StoredMessage) => unknown,
  ): Promise<number> {
    const filter = ledgerSubject(this.#broker.subjects, address);
    return this.#read(fromSeq, async (read, stream) => {
      let next = fromSeq;
      for await (const message of read.walk(stream, filter, fromSeq, PAGE)) {
        const entry = decodeEntry(message.data);
        if (entry) take(entry, message);
        next = message.seq + 1;
      }
      return next;
    });
  }

  /** Up to `limit` messages of a status before a sequence, the newest first. Some have no entry any more. */
  pageBefore(status: LedgerStatus, before: number, limit: number) {
    const filter = ledgerSubject(this.#broker.subjects, { status, provider: ANY, id: ANY, jobId: ANY });
    return this.#read<{ entry: LedgerEntry | undefined; seq: number; timeMs: number }[]>(
      [],
      async (read, stream) => {
        const page = await read.pageBefore(stream, filter, before, limit);
        return page.map(({ data, seq, timeMs }) => ({ entry: decodeEntry(data), seq, timeMs }));
      },
    );
  }

  /** From which sequence on something was written at a time or later. */
  sequenceAt(timeMs: number): Promise<number> {
    return this.#read(1, (read, stream) => read.sequenceAt(stream, timeMs));
  }

  /**
   * Changes an entry, or makes it, again where somebody else was faster.
   * @param change gives what it is then, or undefined to leave it
   * @throws BrokerError
   */
  async change(
    key: LedgerKey,
    change: (before: LedgerEntry | undefined) => LedgerEntry | undefined,
  ): Promise<LedgerEntry | undefined> {
    for (let tries = 1; ; tries++) {
      const before = await this.#last(key);
      const after = change(before?.entry);
      if (after === undefined) return before?.entry;
      try {
        await this.#write(key, foldedEntry(after, this.#broker.clock.now()), before);
        return after;
      } catch (error) {
        if (!(error instanceof ConflictError) || tries >= MOST_TRIES) throw error;
        // Somebody was faster, or a replica that was read is behind.
        await delay(Math.min(tries * PAUSE_MS, MAX_PAUSE_MS));
      }
    }
  }

  /** An entry that comes under another subject leaves an empty message at the one before, in one batch with it. */
  async #write(key: LedgerKey, entry: LedgerEntry, before: StoredMessage | undefined): Promise<void> {
    const { subjects, extra } = this.#broker;
    const status: LedgerStatus = entry.endedAt === undefined ? 'open' : 'ended';
    const subject = ledgerSubject(subjects, { ...key, status, jobId: entry.jobId });
    const expect = {
      filter: ledgerSubject(subjects, { ...key, status: ANY, jobId: ANY }),
      lastSeq: before?.seq ?? 0,
    };
    const expiry = `${Math.max(1, Math.ceil(this.#keepMs / 1_000))}s`;
    const write: Append = {
      subject,
      data: encodeEntry(entry),
      ...(status === 'ended' && { headers: [[Header.TTL, expiry]] }),
    };
    const ledger = extra.of('ledger');
    if (!before || before.subject === subject) {
      await ledger.append({ ...write, expect });
      return;
    }
    await ledger.open();
    const left: Append = { subject: before.subject, data: '', headers: [[Header.TTL, '1s']], expect };
    await ledger.commit([left, write]);
  }

  async #last(
    key: Pick<LedgerAddress, 'provider' | 'id'>,
  ): Promise<(StoredMessage & { entry: LedgerEntry | undefined }) | undefined> {
    const filter = ledgerSubject(this.#broker.subjects, { ...key, status: ANY, jobId: ANY });
    const message = await this.#read(undefined, (read, stream) => read.last(stream, filter));
    return message && { ...message, entry: decodeEntry(message.data) };
  }

  #read<T>(none: T, read: (reader: DirectRead, stream: string) => Promise<T>): Promise<T> {
    return this.#broker.extra.of('ledger').find(none, read);
  }
}
