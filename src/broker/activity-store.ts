/**
 * ACTIVITY: what handlers report while they run. The broker bounds it: by age, and by messages of a subject, of which it drops the
 * oldest. Workers keep it below that. A write is fenced by the expected last sequence of its subject.
 */

import type { NatsConnection } from '@nats-io/transport-node';
import { BrokerError, ConflictError, JetfleetError } from '../jobs/errors.js';
import type { Logger } from '../telemetry/logger.js';
import { type ActivityKind, activitySubject, jobOfActivity } from '../wire/activity.js';
import { ANY, type Subjects } from '../wire/subjects.js';
import { subscribe } from './connection/guarded.js';
import type { ReplyInbox } from './connection/reply-inbox.js';
import type { CommitLog } from './publish/commit-log.js';
import { DirectRead, type StoredMessage } from './read/direct-read.js';
import type { StreamMaker } from './topology/missing-streams.js';
import type { Topology } from './topology/topology.js';

/** A queue whose jobs report nothing asks for the stream at most so often. */
const ABSENT_MS = 1_000;
/** Jobs whose reports are looked for together, and subjects that are purged at once. */
const PART = 200;
const PURGES_AT_ONCE = 16;

/** What it needs of its broker. */
export interface ActivityStoreOptions {
  connection: NatsConnection;
  inbox: ReplyInbox;
  topology: Topology;
  subjects: Subjects;
  logger: Logger;
  /** Whether this process makes streams that are missing. */
  creates: () => boolean;
}

/** A read creates nothing. */
const NEVER: StreamMaker = { make: async () => 'missing', reasonToGiveUp: (missing) => missing() };

export class ActivityStore {
  readonly #options: ActivityStoreOptions;
  readonly #log: () => CommitLog;
  readonly #read: DirectRead;
  readonly #stream: string;
  #absentUntil = 0;
  #opening: Promise<void> | undefined;

  /** @param log what writes to the stream */
  constructor(options: ActivityStoreOptions, log: () => CommitLog) {
    this.#options = options;
    this.#log = log;
    this.#read = new DirectRead(options.connection, options.inbox, NEVER);
    this.#stream = options.subjects.streamName('activity');
  }

  /**
   * Stores a message behind the one with the sequence `lastSeq`, 0 for the first of its subject. @returns its sequence
   * @throws ConflictError when another worker has written meanwhile
   */
  async append(kind: ActivityKind, id: string, data: string, lastSeq: number): Promise<number> {
    const subject = activitySubject(this.#options.subjects, kind, id);
    await this.#open();
    try {
      const { seq } = await this.#log().append({ subject, data, expect: { filter: subject, lastSeq } });
      this.#absentUntil = 0;
      return seq;
    } catch (error) {
      // The stream may be gone.
      if (!(error instanceof ConflictError)) this.#opening = undefined;
      throw error;
    }
  }

  /**
   * Makes sure of the stream once. A write could not find out that it is missing: whoever reads along listens on its subject, so that the
   * server does not say that nobody does.
   */
  #open(): Promise<void> {
    this.#opening ??= this.#create().catch((error) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #create(): Promise<void> {
    const { topology, creates } = this.#options;
    const { missing } = await topology.extra(['activity'], creates());
    if (missing.length === 0) return;
    const why = `there is no stream ${this.#stream}; run "jetfleet setup"`;
    throw new BrokerError('JETFLEET_NO_STREAM', why, { retryable: true });
  }

  async last(kind: ActivityKind, id: string): Promise<StoredMessage | undefined> {
    const subject = activitySubject(this.#options.subjects, kind, id);
    return this.#find(undefined, (read, stream) => read.last(stream, subject));
  }

  /** The last message of each of many jobs, with the job's id. */
  async lastOfEach(kind: ActivityKind, ids: readonly string[]): Promise<[id: string, StoredMessage][]> {
    const subjects = ids.map((id) => activitySubject(this.#options.subjects, kind, id));
    const found = await this.#find<StoredMessage[]>([], (read, stream) => read.lastOfEach(stream, subjects));
    return found.flatMap((message) => {
      const id = jobOfActivity(this.#options.subjects, message.subject);
      return id === undefined ? [] : [[id, message]];
    });
  }

  /** Up to `limit` messages from the sequence `from` on, oldest first. */
  async page(kind: ActivityKind, id: string, from: number, limit: number): Promise<StoredMessage[]> {
    const subject = activitySubject(this.#options.subjects, kind, id);
    return this.#find([], (read, stream) => read.page(stream, subject, from, limit));
  }

  /** Hears that something is being stored for a job; a hint. @returns how to stop */
  onReport(kind: ActivityKind, id: string, listener: () => void): () => void {
    const { connection, logger } = this.#options;
    const subject = activitySubject(this.#options.subjects, kind, id);
    const subscription = subscribe(connection, subject, () => listener(), logger);
    return () => subscription.unsubscribe();
  }

  /** Removes what is stored on a subject up to a sequence. The stream has no consumer that this could disturb. */
  async trim(kind: ActivityKind, id: string, upTo: number): Promise<void> {
    await this.#options.topology.purge('activity', activitySubject(this.#options.subjects, kind, id), upTo);
  }

  /** Removes all that jobs have reported so far. Jobs that reported nothing cost one read together. */
  async forget(ids: readonly string[]): Promise<void> {
    for (let start = 0; start < ids.length; start += PART) {
      const subjects = ids
        .slice(start, start + PART)
        .map((id) => activitySubject(this.#options.subjects, ANY, id));
      const found = await this.#find<StoredMessage[]>([], (read, stream) =>
        read.lastOfEach(stream, subjects),
      );
      const { topology } = this.#options;
      for (let at = 0; at < found.length; at += PURGES_AT_ONCE) {
        const part = found.slice(at, at + PURGES_AT_ONCE);
        await Promise.all(part.map(({ subject, seq }) => topology.purge('activity', subject, seq)));
      }
    }
  }

  async #find<T>(none: T, look: (read: DirectRead, stream: string) => Promise<T>): Promise<T> {
    if (performance.now() < this.#absentUntil) return none;
    try {
      return await look(this.#read, this.#stream);
    } catch (error) {
      if (!JetfleetError.is(error, 'JETFLEET_NO_STREAM')) throw error;
      this.#absentUntil = performance.now() + ABSENT_MS;
      return none;
    }
  }
}
