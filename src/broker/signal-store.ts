/**
 * SIGNALS: what jobs wait for. It keeps a message for each signal until the job ends that it was sent to, and one for each
 * ended child until its parent has ended. The first process that needs the stream creates it, with the durable consumer by which
 * the workers of a fleet share the signals among them.
 */
import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { BrokerError, JetfleetError } from '../jobs/errors.js';
import { Header } from '../wire/headers.js';
import {
  allOfJob,
  MAX_SIGNALS_OF_A_NAME,
  type SignalAddress,
  signalFilter,
  signalSubject,
} from '../wire/signal-subjects.js';
import type { Subjects } from '../wire/subjects.js';
import type { CommitLog } from './publish/commit-log.js';
import type { Append, Appended } from './publish/commit-options.js';
import type { DirectRead, StoredMessage } from './read/direct-read.js';
import type { Topology } from './topology/topology.js';

/** The consumer of all workers. */
export const WAKE_CONSUMER = 'wake';
/** How long a worker may take over a signal before another one is given it. */
const ACK_WAIT_MS = 15_000;
/** Signals that are handed out at once. */
const MAX_HANDED_OUT = 1_000;

export interface SignalStoreOptions {
  read: DirectRead;
  log: CommitLog;
  subjects: Subjects;
  topology: Topology;
  /** Whether this process makes streams that are missing. */
  creates: () => boolean;
}

export class SignalStore {
  readonly #log: CommitLog;
  readonly #read: DirectRead;
  readonly #subjects: Subjects;
  readonly #topology: Topology;
  readonly #creates: () => boolean;
  readonly #listeners = new Set<() => void>();
  #opening: Promise<void> | undefined;

  constructor({ read, log, subjects, topology, creates }: SignalStoreOptions) {
    this.#log = log;
    this.#read = read;
    this.#subjects = subjects;
    this.#topology = topology;
    this.#creates = creates;
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

  /** The stream or its consumer may be gone. */
  doubt(): void {
    this.#opening = undefined;
  }

  /** Hears when this process has come to use the stream. */
  onOpened(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async exists(): Promise<boolean> {
    return this.#topology.hasExtra('signals');
  }

  async #open(): Promise<void> {
    const report = await this.#topology.extra(['signals'], this.#creates());
    if (report.missing.length > 0) {
      const why = `there is no stream ${this.#subjects.streamName('signals')}; run "jetfleet setup"`;
      throw new BrokerError('JETFLEET_NO_STREAM', why, { retryable: true });
    }
    for (const listener of this.#listeners) listener();
  }

  /** Makes sure of the stream, and of the consumer by which workers hear of signals. */
  async openConsumer(): Promise<void> {
    await this.open();
    await this.#topology.ensureConsumer('signals', {
      durable_name: WAKE_CONSUMER,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(ACK_WAIT_MS),
      max_deliver: -1,
      max_ack_pending: MAX_HANDED_OUT,
      filter_subject: signalFilter(this.#subjects),
    });
  }

  /** Stores a signal. @param key makes a repetition within two minutes one signal */
  async send(address: SignalAddress, body: string, key: string): Promise<Appended> {
    return this.write({
      subject: signalSubject(this.#subjects, address),
      data: body,
      headers: [[Header.MSG_ID, `signal:${address.jobId}:${address.name}:${key}`]],
    });
  }

  /** @throws as an append does */
  async write(append: Append): Promise<Appended> {
    await this.open();
    try {
      return await this.#log.append(append);
    } catch (error) {
      if (JetfleetError.is(error, 'JETFLEET_NO_STREAM')) this.doubt();
      throw error;
    }
  }

  /** What `look` finds, or `none` while there is no such stream and none may be made. */
  async find<T>(none: T, look: (read: DirectRead, stream: string) => Promise<T>): Promise<T> {
    try {
      return await look(this.#read, this.#subjects.streamName('signals'));
    } catch (error) {
      if (JetfleetError.is(error, 'JETFLEET_NO_STREAM')) return none;
      throw error;
    }
  }

  /** The signals of a name that a job was sent, oldest first, as a replica has them. */
  signalsOf(address: SignalAddress): Promise<StoredMessage[]> {
    const subject = signalSubject(this.#subjects, address);
    return this.find([], (read, stream) => read.page(stream, subject, 1, MAX_SIGNALS_OF_A_NAME));
  }

  /** The sequence of the last signal of a name, 0 for none, as the leader has it. */
  async lastSignal(address: SignalAddress): Promise<number> {
    const subject = signalSubject(this.#subjects, address);
    return (await this.#topology.lastMessage('signals', subject))?.seq ?? 0;
  }

  /** The sequence of the last message, as the leader has it. */
  async lastSequence(): Promise<number> {
    return (await this.#topology.streamInfo('signals')).state.last_seq;
  }

  /** Removes what was stored for a job up to a sequence. */
  async forget(jobId: string, upTo: number): Promise<void> {
    await this.#topology.purge('signals', allOfJob(this.#subjects, jobId), upTo);
  }

  async remove(seq: number): Promise<void> {
    await this.#topology.deleteMessage('signals', seq);
  }
}
