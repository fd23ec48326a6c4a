/** A stream with subjects of jobs, that few jobs use: what is read of it, and how jobs are removed from it. */
import type { ExtraKind } from '../wire/subjects.js';
import type { ExtraStream } from './extra-stream.js';
import type { DirectRead, StoredMessage } from './read/direct-read.js';
import type { Topology } from './topology/topology.js';

/** A queue that has no such stream asks for it at most so often. */
const ABSENT_MS = 1_000;
const ABSENT = Symbol('absent');
/** Jobs that are looked for together, and subjects that are purged at once. */
const PART = 200;
const PURGES_AT_ONCE = 16;

export class JobSubjects {
  readonly stream: ExtraStream;
  readonly #kind: ExtraKind;
  readonly #topology: Topology;
  #absentUntil = 0;

  constructor(stream: ExtraStream, kind: ExtraKind, topology: Topology) {
    this.stream = stream;
    this.#kind = kind;
    this.#topology = topology;
  }

  /** This process has written something. */
  noteWrite(): void {
    this.#absentUntil = 0;
  }

  /** What `look` finds, or `none` while there is no such stream. */
  async find<T>(none: T, look: (read: DirectRead, stream: string) => Promise<T>): Promise<T> {
    if (performance.now() < this.#absentUntil) return none;
    const found = await this.stream.find<T | typeof ABSENT>(ABSENT, look);
    if (found !== ABSENT) return found;
    this.#absentUntil = performance.now() + ABSENT_MS;
    return none;
  }

  /** Removes what is stored on a subject up to a sequence. The stream has no consumer that this could disturb. */
  async purge(subject: string, upTo: number): Promise<void> {
    await this.#topology.purge(this.#kind, subject, upTo);
  }

  /**
   * Removes what is stored of jobs so far. Jobs of which nothing is stored cost one read together.
   * @param subjectOf the filter that covers all of a job
   */
  async forget(ids: readonly string[], subjectOf: (id: string) => string): Promise<void> {
    for (let start = 0; start < ids.length; start += PART) {
      const subjects = ids.slice(start, start + PART).map(subjectOf);
      const found = await this.find<StoredMessage[]>([], (read, stream) => read.lastOfEach(stream, subjects));
      for (let at = 0; at < found.length; at += PURGES_AT_ONCE) {
        const part = found.slice(at, at + PURGES_AT_ONCE);
        await Promise.all(part.map(({ subject, seq }) => this.purge(subject, seq)));
      }
    }
  }
}
