/**
 * SIGNALS: what jobs wait for. It keeps a message for each signal until the job ends that it was sent to, and one for each
 * ended child until its parent has ended. The first process that needs the stream creates it, with the durable consumer by which
 * the workers of a fleet share the signals among them.
 */
import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { JetfleetError } from '../jobs/errors.js';
import { Header } from '../wire/headers.js';
import {
  allOfJob,
  MAX_SIGNALS_OF_A_NAME,
  type SignalAddress,
  signalFilter,
  signalSubject,
} from '../wire/signal-subjects.js';
import type { Subjects } from '../wire/subjects.js';
import type { ExtraStream } from './extra-stream.js';
import type { Append, Appended } from './publish/commit-options.js';
import type { StoredMessage } from './read/direct-read.js';
import type { Topology } from './topology/topology.js';

/** The consumer of all workers. */
export const WAKE_CONSUMER = 'wake';
/** How long a worker may take over a signal before another one is given it. */
const ACK_WAIT_MS = 15_000;
/** Signals that are handed out at once. */
const MAX_HANDED_OUT = 1_000;

export class SignalStore {
  readonly stream: ExtraStream;
  readonly #subjects: Subjects;
  readonly #topology: Topology;

  constructor(stream: ExtraStream, subjects: Subjects, topology: Topology) {
    this.stream = stream;
    this.#subjects = subjects;
    this.#topology = topology;
  }

  async exists(): Promise<boolean> {
    return this.#topology.hasStream('signals');
  }

  /** Makes sure of the stream, and of the consumer by which workers hear of signals. */
  async openConsumer(): Promise<void> {
    await this.stream.open();
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
    await this.stream.open();
    try {
      return await this.stream.log.append(append);
    } catch (error) {
      if (JetfleetError.is(error, 'JETFLEET_NO_STREAM')) this.stream.doubt();
      throw error;
    }
  }

  /** The signals of a name that a job was sent, oldest first, as a replica has them. */
  signalsOf(address: SignalAddress): Promise<StoredMessage[]> {
    const subject = signalSubject(this.#subjects, address);
    return this.stream.find([], (read, stream) => read.page(stream, subject, 1, MAX_SIGNALS_OF_A_NAME));
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
