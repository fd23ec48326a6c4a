/**
 * ACTIVITY: what handlers report while they run. The broker bounds it: by age, and by messages of a subject, of which it drops the
 * oldest. Workers keep it below that. A write is fenced by the expected last sequence of its subject.
 */

import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from '../telemetry/logger.js';
import { type ActivityKind, activitySubject, jobOfActivity } from '../wire/activity.js';
import type { Sealer } from '../wire/sealer.js';
import { ANY, type Subjects } from '../wire/subjects.js';
import { subscribe } from './connection/guarded.js';
import type { ExtraStream } from './extra-stream.js';
import { JobSubjects } from './job-subjects.js';
import type { StoredMessage } from './read/direct-read.js';
import type { Topology } from './topology/topology.js';

export class ActivityStore {
  readonly #jobs: JobSubjects;
  readonly #connection: NatsConnection;
  readonly #subjects: Subjects;
  readonly #logger: Logger;
  /** Seals what reports hold. */
  readonly sealer: Sealer;

  constructor(
    stream: ExtraStream,
    options: {
      connection: NatsConnection;
      topology: Topology;
      subjects: Subjects;
      logger: Logger;
      sealer: Sealer;
    },
  ) {
    this.#jobs = new JobSubjects(stream, 'activity', options.topology);
    this.#connection = options.connection;
    this.#subjects = options.subjects;
    this.#logger = options.logger;
    this.sealer = options.sealer;
  }

  /**
   * Stores a message behind the one with the sequence `lastSeq`, 0 for the first of its subject. @returns its sequence
   * @throws ConflictError when another worker has written meanwhile
   */
  async append(kind: ActivityKind, id: string, data: string, lastSeq: number): Promise<number> {
    const subject = activitySubject(this.#subjects, kind, id);
    const { seq } = await this.#jobs.stream.append({ subject, data, expect: { filter: subject, lastSeq } });
    this.#jobs.noteWrite();
    return seq;
  }

  async last(kind: ActivityKind, id: string): Promise<StoredMessage | undefined> {
    const subject = activitySubject(this.#subjects, kind, id);
    return this.#jobs.find(undefined, (read, stream) => read.last(stream, subject));
  }

  /** The last message of each of many jobs, with the job's id. */
  async lastOfEach(kind: ActivityKind, ids: readonly string[]): Promise<[id: string, StoredMessage][]> {
    const subjects = ids.map((id) => activitySubject(this.#subjects, kind, id));
    const found = await this.#jobs.find<StoredMessage[]>([], (read, stream) =>
      read.lastOfEach(stream, subjects),
    );
    return found.flatMap((message) => {
      const id = jobOfActivity(this.#subjects, message.subject);
      return id === undefined ? [] : [[id, message]];
    });
  }

  /** Up to `limit` messages from the sequence `from` on, oldest first. */
  async page(kind: ActivityKind, id: string, from: number, limit: number): Promise<StoredMessage[]> {
    const subject = activitySubject(this.#subjects, kind, id);
    return this.#jobs.find([], (read, stream) => read.page(stream, subject, from, limit));
  }

  /** Hears that something is being stored for a job; a hint. @returns how to stop */
  onReport(kind: ActivityKind, id: string, listener: () => void): () => void {
    const subject = activitySubject(this.#subjects, kind, id);
    const subscription = subscribe(this.#connection, subject, () => listener(), this.#logger);
    return () => subscription.unsubscribe();
  }

  /** Removes what is stored on a subject up to a sequence. */
  async trim(kind: ActivityKind, id: string, upTo: number): Promise<void> {
    await this.#jobs.purge(activitySubject(this.#subjects, kind, id), upTo);
  }

  /** Removes all that jobs have reported so far. */
  async forget(ids: readonly string[]): Promise<void> {
    await this.#jobs.forget(ids, (id) => activitySubject(this.#subjects, ANY, id));
  }
}
