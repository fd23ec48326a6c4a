/**
 * The index of tags: TAGS holds one small message for each tag of each job, the last one of its subject. An entry is a hint. It
 * is written before its job, so that a job that exists is found, and whoever lists confirms it by the job's record. The
 * entry of a job that has ended carries a `Nats-TTL` as long as its record is kept: the broker removes both.
 */
import { millis } from '@nats-io/transport-node';
import { isJobId } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import { isJobType, isTerminal } from '../jobs/vocabulary.js';
import { Header } from '../wire/headers.js';
import type { Subjects } from '../wire/subjects.js';
import { encodeTagEntry, tagSubject } from '../wire/tag-subjects.js';
import type { ExtraStream } from './extra-stream.js';
import type { StoredMessage } from './read/direct-read.js';
import { NewestPages } from './read/newest-page.js';
import type { Topology } from './topology/topology.js';

/** Fewer than may wait in the commit log at once. */
const PART = 5_000;
/** What is to go, goes within this time: the least that the server takes. */
const AT_ONCE = '1s';

export type Tagged = Pick<JobRecord, 'id' | 'type' | 'tags'>;

interface Entry {
  subject: string;
  data: string;
  lines: string;
}

export class TagIndex {
  readonly #stream: ExtraStream;
  readonly #subjects: Subjects;
  readonly #topology: Topology;
  readonly #newest = new NewestPages();
  #keptFor: Promise<string | undefined> | undefined;

  constructor(stream: ExtraStream, subjects: Subjects, topology: Topology) {
    this.#stream = stream;
    this.#subjects = subjects;
    this.#topology = topology;
  }

  /**
   * Entries of a filter from a sequence on, downwards or upwards.
   * @param from the first one that may be among them; infinite for the newest
   */
  page(
    filter: string,
    direction: 'oldest' | 'newest',
    from: number,
    limit: number,
  ): Promise<StoredMessage[]> {
    return this.#stream.find([], (read, stream) =>
      direction === 'oldest'
        ? read.page(stream, filter, from, limit)
        : this.#newest.read(read, stream, filter, from, limit),
    );
  }

  /** How many entries each filter has. */
  counts(filters: readonly string[]): Promise<number[]> {
    const none = filters.map(() => 0);
    return this.#stream.find(none, (read, stream) =>
      Promise.all(filters.map((each) => read.count(stream, each))),
    );
  }

  /** Notes the tags of jobs that are about to be stored, or go on. Of a job without tags nothing is written. */
  async open(jobs: readonly Tagged[]): Promise<void> {
    await this.#write(this.#entriesOf(jobs, '', ''));
  }

  /** Notes that a job has ended, and with which status: its entries go with its record. */
  async settle(job: JobRecord): Promise<void> {
    if (!job.tags || !isTerminal(job.status)) return;
    const ttl = await this.#ttl();
    await this.#write(
      this.#entriesOf([job], ttl === undefined ? '' : `${Header.TTL}: ${ttl}\r\n`, job.status),
    );
  }

  /** Takes out jobs whose records are gone: together, by entries that the broker removes by itself. */
  async forget(jobs: readonly Tagged[]): Promise<void> {
    await this.#write(this.#entriesOf(jobs, `${Header.TTL}: ${AT_ONCE}\r\n`, ''));
  }

  #entriesOf(jobs: readonly Tagged[], lines: string, status: string): Entry[] {
    return jobs.flatMap(({ tags = [], type, id }) => {
      if (!isJobType(type) || !isJobId(id)) return [];
      const data = encodeTagEntry({ status, tags });
      return tags.map((tag) => ({ subject: tagSubject(this.#subjects, { tag, type, id }), data, lines }));
    });
  }

  async #write(entries: readonly Entry[]): Promise<void> {
    for (let start = 0; start < entries.length; start += PART) {
      const part = entries.slice(start, start + PART);
      const exceptions = await this.#stream.log.appendBulk({
        size: part.length,
        messageAt: (index) => part[index] as Entry,
        bytesAt: (index) => (part[index] as Entry).data.length,
      });
      const failed = exceptions.find(({ outcome }) => outcome instanceof Error);
      if (failed) throw failed.outcome;
    }
  }

  /** As long as EVENTS keeps a record, asked once; undefined where it keeps them for ever. */
  #ttl(): Promise<string | undefined> {
    this.#keptFor ??= this.#topology
      .streamInfo('events')
      .then(({ config }) => {
        const ms = millis(config.max_age);
        return ms > 0 ? `${Math.max(1, Math.ceil(ms / 1_000))}s` : undefined;
      })
      .catch((error) => {
        this.#keptFor = undefined;
        throw error;
      });
    return this.#keptFor;
  }
}
