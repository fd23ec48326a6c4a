/** A stream that is made when it is first used: how it is made, written and read. */
import { BrokerError, ConflictError, JetfleetError } from '../jobs/errors.js';
import type { CommitLog } from './publish/commit-log.js';
import type { Append, Appended } from './publish/commit-options.js';
import type { DirectRead } from './read/direct-read.js';
import type { TopologyReport } from './topology/report.js';

export interface ExtraStreamOptions {
  name: string;
  /** Creates the stream where it is missing. */
  read: DirectRead;
  /** Creates nothing. */
  look: DirectRead;
  log: CommitLog;
  /** Makes the stream, where this process may; else it only looks. */
  ensure: () => Promise<TopologyReport>;
}

export class ExtraStream {
  readonly name: string;
  /** Creates the stream where it is missing. */
  readonly read: DirectRead;
  readonly log: CommitLog;
  readonly #look: DirectRead;
  readonly #ensure: () => Promise<TopologyReport>;
  readonly #listeners = new Set<() => void>();
  #opening: Promise<void> | undefined;

  constructor({ name, read, look, log, ensure }: ExtraStreamOptions) {
    this.name = name;
    this.read = read;
    this.log = log;
    this.#look = look;
    this.#ensure = ensure;
  }

  /**
   * Makes sure of the stream: once, and again after {@link doubt}.
   * @throws BrokerError `JETFLEET_NO_STREAM` where this process may create none; `JETFLEET_STREAM_DRIFT`
   */
  open(): Promise<void> {
    this.#opening ??= this.#open().catch((error) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  /** The stream may be gone. */
  doubt(): void {
    this.#opening = undefined;
  }

  /** Hears when this process has come to use the stream; returns how to stop. */
  onOpened(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #open(): Promise<void> {
    if ((await this.#ensure()).missing.length > 0) {
      const why = `there is no stream ${this.name}; run "jetfleet setup"`;
      throw new BrokerError('JETFLEET_NO_STREAM', why, { retryable: true });
    }
    for (const listener of this.#listeners) listener();
  }

  /**
   * What `look` finds, or `none` while there is no such stream. Nothing is created, but for a stream that this process has used and
   * somebody has deleted.
   * @throws BrokerError `JETFLEET_NO_LEADER`
   */
  async find<T>(none: T, look: (read: DirectRead, stream: string) => Promise<T>): Promise<T> {
    try {
      return await look(this.#look, this.name);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    if (!this.#opening) return none;
    this.doubt();
    await this.open().catch((error) => {
      if (!isMissing(error)) throw error;
    });
    return none;
  }

  /**
   * One write, before which the stream is made sure of: a write cannot find out that it is missing where somebody listens on its subject.
   * @throws ConflictError as the expectation of the write says; what {@link open} throws
   */
  async append(append: Append): Promise<Appended> {
    await this.open();
    try {
      return await this.log.append(append);
    } catch (error) {
      // The stream may be gone.
      if (!(error instanceof ConflictError)) this.doubt();
      throw error;
    }
  }

  /** One write, or several that are stored together or not at all. @returns their sequences */
  async commit(appends: readonly Append[]): Promise<number[]> {
    const [only, ...others] = appends;
    if (!only) return [];
    return others.length === 0 ? [(await this.log.append(only)).seq] : this.log.appendTogether(appends);
  }
}

function isMissing(error: unknown): boolean {
  return JetfleetError.is(error, 'JETFLEET_NO_STREAM');
}
