import type { ConsumerConfig, ConsumerInfo, JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import { millis, type NatsConnection } from '@nats-io/transport-node';
import { BrokerError } from '../../jobs/errors.js';
import { DEFAULT_ACK_WAIT_MS } from '../../jobs/limits.js';
import type { ExtraKind, StreamKind, Subjects, WorkKind } from '../../wire/subjects.js';
import { StandbyStreams } from '../standby/standby-streams.js';
import { firstJobsConsumer } from './consumer-config.js';
import { type Drift, OTHER_NAMESPACE } from './drift.js';
import {
  apiCodeOf,
  CONSUMER_NOT_FOUND,
  type JetStream,
  MESSAGE_NOT_FOUND,
  STREAM_NOT_FOUND,
  unlessMissing,
} from './manager.js';
import { Pauses } from './pauses.js';
import type { TopologyReport } from './report.js';
import type { TopologyOptions } from './stream-config.js';
import { TopologySetup } from './topology-setup.js';

/** What the server's consumers and streams have, which others may have configured. */
export interface EffectiveTimes {
  ackWaitMs: number;
  eventsMaxAgeMs: number;
}

/** No message found, and sequence not found, as the server answers for one that was deleted. */
const MESSAGE_GONE: readonly number[] = [MESSAGE_NOT_FOUND, 10043];
const DELETE_FAILED = 10057;

export class Topology {
  readonly pauses: Pauses;
  readonly #subjects: Subjects;
  readonly #jsm: JetStreamManager;
  readonly #options: TopologyOptions;

  constructor(jetstream: JetStream, subjects: Subjects, options: TopologyOptions) {
    this.pauses = new Pauses(jetstream, subjects, () => this.extra(['control'], true));
    this.#jsm = jetstream.manager;
    this.#subjects = subjects;
    this.#options = options;
  }

  /** Creates the streams and the consumers of `types` where they are missing. Safe to run from many processes at once. */
  ensure(types: readonly string[] = []): Promise<TopologyReport> {
    return new TopologySetup(this.#jsm, this.#subjects, this.#options, this.pauses, true).run(types);
  }

  /** What `ensure` would find, without making anything. */
  inspect(types: readonly string[] = []): Promise<TopologyReport> {
    return new TopologySetup(this.#jsm, this.#subjects, this.#options, this.pauses, false).run(types);
  }

  /** As {@link ensure}, of streams that are made when they are first used; without `creates`, as {@link inspect}. */
  async extra(kinds: readonly ExtraKind[], creates: boolean): Promise<TopologyReport> {
    const options = { ...this.#options };
    // They have as many copies as the others, where nobody has said how many.
    if (creates) options.replicas ??= (await this.streamInfo('events')).config.num_replicas;
    return new TopologySetup(this.#jsm, this.#subjects, options, this.pauses, creates).runExtra(kinds);
  }

  async hasStream(kind: StreamKind | ExtraKind): Promise<boolean> {
    const info = () => this.#jsm.streams.info(this.#subjects.streamName(kind));
    return (await unlessMissing([STREAM_NOT_FOUND], info)) !== undefined;
  }

  /** Creates the consumer by which one worker hears of the first jobs of some types. */
  async addFirstJobsConsumer(name: string, types: readonly string[]): Promise<void> {
    const config = firstJobsConsumer(this.#subjects, name, types);
    await this.#jsm.consumers.add(this.#subjects.streamName('jobs'), config);
  }

  /** Creates a consumer where it is missing. */
  async ensureConsumer(
    kind: StreamKind | ExtraKind,
    config: Partial<ConsumerConfig> & { durable_name: string },
  ): Promise<void> {
    const stream = this.#subjects.streamName(kind);
    const name = config.durable_name;
    const have = await unlessMissing([CONSUMER_NOT_FOUND], () => this.#jsm.consumers.info(stream, name));
    if (!have) await this.#jsm.consumers.add(stream, config);
    const { max_ack_pending } = config;
    if (have && max_ack_pending !== undefined && have.config.max_ack_pending !== max_ack_pending)
      await this.#jsm.consumers.update(stream, name, { max_ack_pending });
  }

  /**
   * Gives a stream or consumer the setting that it lacks.
   * @throws BrokerError `JETFLEET_STREAM_DRIFT` when the server does not let it be changed
   */
  async apply({ target, field, want }: Drift): Promise<void> {
    const [, name = '', , stream = ''] = target.split(' ');
    const change = { [field]: want };
    try {
      if (target.startsWith('stream')) await this.#jsm.streams.update(name, change);
      else await this.#jsm.consumers.update(stream, name, change);
    } catch (cause) {
      const why = `${target}: ${field} cannot be changed: ${(cause as Error).message}; ${OTHER_NAMESPACE}`;
      throw new BrokerError('JETFLEET_STREAM_DRIFT', why, { cause });
    }
  }

  /** The streams as a standby site has them. */
  standby(connection: NatsConnection): StandbyStreams {
    return new StandbyStreams(connection, this.#jsm, this.#subjects, this.#options);
  }

  /** The consumers of every type that somebody handles. */
  async consumers(kind: 'jobs' | 'webhooks' | 'events'): Promise<ConsumerInfo[]> {
    const found: ConsumerInfo[] = [];
    for await (const info of this.#jsm.consumers.list(this.#subjects.streamName(kind))) found.push(info);
    return found;
  }

  consumer(kind: 'jobs' | 'webhooks' | 'events', name: string): Promise<ConsumerInfo | undefined> {
    const stream = this.#subjects.streamName(kind);
    return unlessMissing([CONSUMER_NOT_FOUND], () => this.#jsm.consumers.info(stream, name));
  }

  /** Notes something about a consumer that the server only keeps. */
  async describeConsumer(kind: WorkKind, name: string, facts: Record<string, string>): Promise<void> {
    const stream = this.#subjects.streamName(kind);
    const { metadata = {} } = (await this.#jsm.consumers.info(stream, name)).config;
    await this.#jsm.consumers.update(stream, name, { metadata: { ...metadata, ...facts } });
  }

  /** Removes a consumer; what it has not seen acknowledged is handed out again by one that is made anew. */
  async deleteConsumer(kind: 'jobs' | 'webhooks' | 'events', name: string): Promise<void> {
    const stream = this.#subjects.streamName(kind);
    await unlessMissing([CONSUMER_NOT_FOUND], () => this.#jsm.consumers.delete(stream, name));
  }

  /**
   * What the server really does, whatever was asked for: the shortest lease among the consumers, and how long records
   * are kept (infinite without a limit). Milliseconds.
   */
  async effective(): Promise<EffectiveTimes> {
    const [jobs, webhooks, eventsMaxAgeMs] = await Promise.all([
      this.consumers('jobs'),
      this.consumers('webhooks'),
      this.eventsMaxAgeMs(),
    ]);
    const leases = [...jobs, ...webhooks].map(({ config }) => millis(config.ack_wait ?? 0));
    return {
      ackWaitMs: Math.min(...leases.filter((ms) => ms > 0), DEFAULT_ACK_WAIT_MS),
      eventsMaxAgeMs,
    };
  }

  /** How long records are kept, in milliseconds; infinite without a limit. */
  async eventsMaxAgeMs(): Promise<number> {
    return millis((await this.streamInfo('events')).config.max_age) || Number.POSITIVE_INFINITY;
  }

  streamInfo(kind: StreamKind | ExtraKind, subjectsFilter?: string): Promise<StreamInfo> {
    const filter = subjectsFilter === undefined ? undefined : { subjects_filter: subjectsFilter };
    return this.#jsm.streams.info(this.#subjects.streamName(kind), filter);
  }

  /** The state of a stream by its name. */
  infoOf(stream: string): Promise<StreamInfo> {
    return this.#jsm.streams.info(stream);
  }

  /** The time at the leader of EVENTS, in ms since the epoch; NaN where it does not say. */
  async readClock(): Promise<number> {
    const { ts } = (await this.streamInfo('events')) as StreamInfo & { ts?: string };
    return Date.parse(ts ?? '');
  }

  /** Removes every message of the subject, at most up to the sequence `upTo`; returns how many. */
  async purge(kind: StreamKind | ExtraKind, filter: string, upTo?: number): Promise<number> {
    const bound = upTo === undefined ? {} : { seq: upTo + 1 };
    const { purged } = await this.#jsm.streams.purge(this.#subjects.streamName(kind), { filter, ...bound });
    return purged;
  }

  /**
   * The sequence of the last message on a filter, 0 for none, as the stream's leader has it: a direct read may be answered
   * by a replica that is behind.
   */
  async lastSequence(kind: StreamKind, filter: string): Promise<number> {
    return (await this.lastMessage(kind, filter))?.seq ?? 0;
  }

  /** The last message on a filter, as the leader has it. */
  async lastMessage(
    kind: StreamKind | ExtraKind,
    filter: string,
  ): Promise<{ subject: string; seq: number; data: Uint8Array } | undefined> {
    const stream = this.#subjects.streamName(kind);
    const message = await unlessMissing(MESSAGE_GONE, () =>
      this.#jsm.streams.getMessage(stream, { last_by_subj: filter }),
    );
    return message ?? undefined;
  }

  /** Removes one message; one that is gone already is a success. */
  async deleteMessage(kind: StreamKind | ExtraKind, seq: number): Promise<void> {
    const stream = this.#subjects.streamName(kind);
    try {
      await this.#jsm.streams.deleteMessage(stream, seq, false);
    } catch (error) {
      if (!isMessageGone(error)) throw error;
    }
  }

  /** Asks for the removal of a message that no stream will ever hold. @throws BrokerError `JETFLEET_BROKER_FORBIDDEN` */
  async assertMayDelete(kind: StreamKind): Promise<void> {
    try {
      await this.deleteMessage(kind, Number.MAX_SAFE_INTEGER);
    } catch (error) {
      if (apiCodeOf(error) !== DELETE_FAILED) throw error;
    }
  }
}

/** A message may go between the server's look-up and its removal; then only the text says why. */
function isMessageGone(error: unknown): boolean {
  const code = apiCodeOf(error);
  if (code === undefined) return false;
  const isLate = code === DELETE_FAILED && /no message found|deleted message/.test((error as Error).message);
  return isLate || MESSAGE_GONE.includes(code);
}
