import { defined } from '../jobs/defined.js';
import type { UniqueKey } from '../jobs/unique-options.js';
import { Header, type HeaderList } from '../wire/headers.js';
import type { Subjects } from '../wire/subjects.js';
import { type Claim, decodeClaim, encodeClaim, keyToken } from '../wire/unique-claim.js';
import type { ExtraStream } from './extra-stream.js';
import type { StoredMessage } from './read/direct-read.js';
import type { Topology } from './topology/topology.js';

/** Who has a key, as of one version of it. */
export interface KeyVersion {
  /** Absent where nobody has it. */
  claim?: Claim;
  /** Sequence in UNIQUE: the fence of the next claim. 0 for none. */
  seq: number;
}

/** A second for what the server rounds, so that no claim is forgotten before its time. */
const SPARE_SECONDS = 1;

/**
 * Which job has which unique key. The mechanism of the broker is a compare-and-set: a claim is stored only while the last
 * message on the subject of its key is the one that was read (`Nats-Expected-Last-Subject-Sequence`). Of any number of
 * processes one wins. Claims for a period leave by `Nats-TTL`.
 */
export class UniqueKeys {
  readonly #stream: ExtraStream;
  readonly #subjects: Subjects;
  readonly #topology: Topology;

  constructor(stream: ExtraStream, subjects: Subjects, topology: Topology) {
    this.#stream = stream;
    this.#subjects = subjects;
    this.#topology = topology;
  }

  /** Claims from a sequence on, which may be of strangers; none while no job has had a key. */
  page(fromSeq: number, limit: number): Promise<StoredMessage[]> {
    return this.#stream.find([], (read, stream) => read.page(stream, '>', fromSeq, limit));
  }

  async read(type: string, unique: UniqueKey): Promise<KeyVersion> {
    const subject = this.#subjectOf(type, unique);
    const stored = await this.#stream.read.lastTogether(this.#stream.name, subject);
    if (!stored) return { seq: 0 };
    return { seq: stored.seq, ...defined({ claim: decodeClaim(stored.data, type, unique) }) };
  }

  /**
   * @param keepMs how long the server keeps the claim. Defaults to until it is replaced or removed
   * @returns its sequence
   * @throws ConflictError when somebody else wrote after `lastSeq`
   */
  async claim(
    type: string,
    unique: UniqueKey,
    claim: Claim,
    lastSeq: number,
    keepMs?: number,
  ): Promise<number> {
    const subject = this.#subjectOf(type, unique);
    const seconds = keepMs === undefined ? undefined : Math.ceil(Math.max(keepMs, 0) / 1_000) + SPARE_SECONDS;
    const headers: HeaderList = seconds === undefined ? [] : [[Header.TTL, `${seconds}s`]];
    const expect = { filter: subject, lastSeq };
    return (await this.#stream.log.append({ subject, data: encodeClaim(claim), headers, expect })).seq;
  }

  /** Removes a claim, unless another one has replaced it. */
  remove(seq: number): Promise<void> {
    return this.#topology.deleteMessage('unique', seq);
  }

  #subjectOf(type: string, { key, scope }: UniqueKey): string {
    return this.#subjects.uniqueKey(type, scope, keyToken(key));
  }
}
