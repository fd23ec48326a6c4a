import { setImmediate } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import type { JobRecord } from '../jobs/job-record.js';
import type { KnownJobs } from '../jobs/known-jobs.js';
import type { Logger } from '../telemetry/logger.js';
import type { UserCode } from '../telemetry/user-code.js';
import { decodeRecord, encodeRecord } from '../wire/record-message.js';
import { Sealer } from '../wire/sealer.js';
import { STREAM_KINDS, type StreamKind, Subjects } from '../wire/subjects.js';
import type { ActivityStore } from './activity-store.js';
import type { BrokerOptions } from './broker-options.js';
import type { ChildStore } from './child-store.js';
import { BrokerClock } from './connection/broker-clock.js';
import { openConnection } from './connection/connection.js';
import { type ConnectionChange, ConnectionWatch } from './connection/connection-watch.js';
import { forbidden, type Violation } from './connection/forbidden.js';
import { flush } from './connection/guarded.js';
import { Notices } from './connection/notices.js';
import { Replies } from './connection/replies.js';
import { ReplyInbox } from './connection/reply-inbox.js';
import {
  consumeEvents,
  type EventConsumerSetup,
  type EventHandler,
  type EventSubscription,
} from './consume/event-consumer.js';
import { type EventFeed, feedEvents } from './consume/event-feed.js';
import type { EventFilter, EventOptions } from './consume/event-options.js';
import { PullSource, type PullSourceOptions } from './consume/pull-source.js';
import type { ExtraStream } from './extra-stream.js';
import { ExtraStreams, openLog } from './extra-streams.js';
import type { LastEvent } from './last-event.js';
import type { CommitLog } from './publish/commit-log.js';
import type { ServerSync } from './publish/commit-options.js';
import { JobMessages } from './publish/job-messages.js';
import { ScheduleMessages } from './publish/schedule-messages.js';
import { DirectRead, type StoredMessage } from './read/direct-read.js';
import { RememberedCounts } from './read/remembered-counts.js';
import type { SignalStore } from './signal-store.js';
import { TagIndex } from './tag-index.js';
import { HandlerSettings } from './topology/handler-settings.js';
import { type JetStream, openJetStream } from './topology/manager.js';
import { MissingStreams } from './topology/missing-streams.js';
import type { TopologyReport } from './topology/report.js';
import { assertServer } from './topology/server-check.js';
import { Topology } from './topology/topology.js';
import type { UniqueKeys } from './unique-keys.js';

export type { LastEvent };

const EVENTS_PAGE = 200;
/** Subjects may come from outside, and a log must not grow with them. */
const MAX_REFUSED = 50;
const FLUSH_MS = 2_000;
/** How much of a close is kept for what leaves last. */
const LAST_FLUSH_MS = 500;

/** Everything Jetfleet asks of NATS. Queue and worker speak to it in jobs and records, never in messages. */
export class Broker {
  readonly subjects: Subjects;
  readonly known: KnownJobs;
  readonly connection: NatsConnection;
  readonly topology: Topology;
  readonly read: DirectRead;
  /** Large numbers of messages, remembered. */
  readonly counts: RememberedCounts;
  readonly handlers: HandlerSettings;
  readonly jobs: JobMessages;
  readonly schedules: ScheduleMessages;
  readonly notices: Notices;
  readonly tags: TagIndex;
  readonly sealer: Sealer;
  readonly sync: ServerSync;
  readonly clock: BrokerClock;
  readonly extra: ExtraStreams;
  readonly #jetstream: JetStream;
  readonly #inbox: ReplyInbox;
  readonly #replies: Replies;
  readonly #logs: Record<StreamKind, CommitLog>;
  readonly #ownsConnection: boolean;
  readonly #listeners = new Set<(change: ConnectionChange) => void>();
  readonly #watch: ConnectionWatch;
  /** Kinds of subjects that were refused and logged since the connection was made. */
  readonly #refused = new Set<string>();
  readonly #logger: Logger;
  #keepsStreams: boolean;

  private constructor(
    connection: NatsConnection,
    jetstream: JetStream,
    topology: Topology,
    subjects: Subjects,
    options: BrokerOptions,
  ) {
    this.connection = connection;
    this.#jetstream = jetstream;
    this.topology = topology;
    this.subjects = subjects;
    this.known = options.known;
    this.#logger = options.logger;
    this.sealer = options.sealer ?? new Sealer([]);
    this.sync = options.sync ?? 'always';
    this.#ownsConnection = options.connection === undefined;
    this.#inbox = new ReplyInbox(connection, this.#logger);
    this.#replies = new Replies(connection);
    this.notices = new Notices(connection, subjects, this.#logger);
    this.#keepsStreams = !options.lookOnly;
    const streams = new MissingStreams(
      () => (this.#keepsStreams ? topology.ensure() : topology.inspect()),
      this.#logger,
    );
    this.read = new DirectRead(connection, this.#inbox, streams);
    this.counts = new RememberedCounts(this.read, (stream) => topology.infoOf(stream));
    this.handlers = new HandlerSettings(topology, subjects);
    this.clock = new BrokerClock(() => topology.readClock(), this.#logger);
    const logOptions = {
      connection,
      inbox: this.#inbox,
      subjects,
      commit: { ...options.commit, sync: this.sync },
      logger: this.#logger,
      isConnected: () => this.isConnected,
    };
    const log = (kind: StreamKind) => openLog(logOptions, kind, this.read, streams);
    this.#logs = {
      timers: log('timers'),
      jobs: log('jobs'),
      webhooks: log('webhooks'),
      events: log('events'),
    };
    this.extra = new ExtraStreams({
      ...logOptions,
      topology,
      sealer: this.sealer,
      maxObjectBytes: options.maxObjectBytes ?? 0,
      creates: () => this.#keepsStreams,
    });
    this.tags = new TagIndex(this.extra.of('tags'), subjects, topology);
    this.jobs = new JobMessages(subjects, this.#logs, this.read, this.tags, this.sealer);
    this.schedules = new ScheduleMessages(subjects, this.#logs.timers);
    void connection.closed().then(() => this.#onEnd());
    this.#watch = new ConnectionWatch(
      connection,
      { onChange: (change) => this.#tell(change), onViolation: (violation) => this.#refuse(violation) },
      options.logger,
    );
  }

  /** @throws BrokerError when the server cannot be reached or cannot hold jobs */
  static async open(options: BrokerOptions): Promise<{ broker: Broker; report: TopologyReport }> {
    const subjects = new Subjects(options.namespace, options.known);
    const connection = options.connection ?? (await openConnection(options));
    try {
      const jetstream = await openJetStream(connection);
      await assertServer(connection, jetstream.manager);
      const topology = new Topology(jetstream, subjects, options);
      const report = await (options.lookOnly ? topology.inspect() : topology.ensure());
      const broker = new Broker(connection, jetstream, topology, subjects, options);
      await broker.clock.measure();
      return { broker, report };
    } catch (error) {
      if (!options.connection) await connection.close();
      throw error;
    }
  }

  /**
   * Writes a transition of a job, fenced by the sequence of its last event, 0 when there must be none.
   * @param maybeStored whether the same write was tried before, without an answer
   * @returns its sequence
   * @throws ConflictError when somebody else wrote in the meantime
   */
  async appendEvent(record: JobRecord, lastSeq: number, maybeStored = false): Promise<number> {
    const { subjects } = this;
    const { seq } = await this.#logs.events.append({
      subject: subjects.event(record.type, record.status, record.id),
      data: encodeRecord(this.sealer.sealRecord(record, maybeStored)),
      expect: { filter: subjects.eventsOf(record.id), lastSeq },
      maybeStored,
    });
    return seq;
  }

  /** The last event of a job, or undefined when no worker has touched it. */
  async lastEvent(id: string): Promise<LastEvent | undefined> {
    const stream = this.subjects.streamName('events');
    const filter = this.subjects.eventsOf(id);
    const stored = await this.read.lastTogether(stream, filter);
    if (!stored) return undefined;
    const { seq } = stored;
    let record = this.recordOf(stored);
    if (record) return { record, seq };
    // A foreign message among a job's events must not stop the job: the last record still holds.
    for await (const event of this.read.walk(stream, filter, 1, EVENTS_PAGE))
      record = this.recordOf(event) ?? record;
    return record ? { record, seq } : { seq };
  }

  /** The record of an event, or undefined for a stranger's message; a record stands on its own subject only. */
  recordOf({ subject, seq, data }: Pick<StoredMessage, 'subject' | 'seq' | 'data'>): JobRecord | undefined {
    try {
      const record = decodeRecord(data, this.sealer);
      if (this.subjects.event(record.type, record.status, record.id) === subject) return record;
      this.#logger.warn({ subject, seq }, 'a job record on the subject of another; passed over');
    } catch (err) {
      this.#logger.warn({ err, subject, seq }, 'not a job record; passed over');
    }
    return undefined;
  }

  pull(options: Omit<PullSourceOptions, 'connection' | 'replies' | 'logger'>): PullSource {
    const { connection } = this;
    return new PullSource({ connection, replies: this.#replies, logger: this.#logger, ...options });
  }

  events(options: EventOptions, handler: EventHandler, userCode: UserCode): Promise<EventSubscription> {
    const setup: EventConsumerSetup = {
      jetstream: this.#jetstream,
      subjects: this.subjects,
      recordOf: (message) => this.recordOf(message),
      logger: this.#logger,
      userCode,
      clock: this.clock,
      onDenied: (subject, listener) => this.#inbox.watch(subject, listener),
    };
    return consumeEvents(setup, options, handler);
  }

  feed(options: { filter?: EventFilter; fromSeq?: number }): Promise<EventFeed> {
    return feedEvents(this.#jetstream.client, this.subjects, options, (message) => this.recordOf(message));
  }

  /** What handlers report while they run. Their stream is made by the first report. */
  get activity(): ActivityStore {
    return this.extra.activity;
  }

  /** Which job has which unique key. Its stream is made when this is first used, as that of signals. */
  get unique(): UniqueKeys {
    return this.extra.unique;
  }

  /** Signals to jobs. */
  get signals(): SignalStore {
    return this.extra.signals;
  }

  /** The permits of limits. Their stream is made when this is first used. */
  get limits(): ExtraStream {
    return this.extra.of('limits');
  }

  /** The children of jobs, and how they have ended. */
  get children(): ChildStore {
    return this.extra.children;
  }

  /** From now on makes streams again that somebody deletes, also where it was opened only to look. */
  keepStreams(): void {
    this.#keepsStreams = true;
  }

  /** The streams that answer no writes of this process, although the server is there. */
  get stalled(): StreamKind[] {
    return STREAM_KINDS.filter((kind) => this.#logs[kind].unanswered.isStalled);
  }

  /** Whether the server is there now, as far as this side knows. */
  get isConnected(): boolean {
    return this.#watch.isConnected;
  }

  /** Tells `listener` when the broker goes away and comes back; returns how to stop. */
  onConnection(listener: (change: ConnectionChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Sends the acknowledgements of this turn of the event loop now. */
  sendAnswers(): void {
    this.#replies.flush();
  }

  /** Sends what is buffered, in this very call where the connection is up. Gives up after `limitMs`: a broker that is away must not hold up an ending process. */
  async flush(limitMs = FLUSH_MS): Promise<void> {
    const end = performance.now() + limitMs;
    this.#replies.flush();
    await flush(this.connection, limitMs);
    // What arrived before the server's answer was handed back meanwhile.
    if (this.#replies.flush()) await flush(this.connection, Math.max(0, end - performance.now()));
  }

  /** Sends what is under way, for at most `limitMs`, and closes the connection unless it was lent. */
  async close(limitMs = FLUSH_MS): Promise<void> {
    const end = performance.now() + limitMs;
    // To a broker that is away nothing can be sent.
    const drainMs = this.isConnected ? Math.max(0, limitMs - LAST_FLUSH_MS) : 0;
    const logs = this.#allLogs;
    await Promise.all(logs.map((log) => log.drain(drainMs)));
    for (const log of logs) log.close();
    // Whoever waited for a write answers its delivery first.
    await setImmediate();
    await this.flush(Math.min(LAST_FLUSH_MS, Math.max(0, end - performance.now())));
    this.#inbox.close();
    this.clock.stop();
    this.#watch.stop();
    if (this.#ownsConnection) await this.connection.close();
  }

  /** The owner of a lent connection closes it at any moment: nothing is stored or answered from then on. */
  #onEnd(): void {
    for (const log of this.#allLogs) log.close();
    this.#inbox.close();
  }

  #tell(change: ConnectionChange): void {
    if (change === 'back') {
      this.#refused.clear();
      // What was under way says nothing of the streams.
      this.#resetUnanswered();
      this.#inbox.giveUp();
      this.#resetUnanswered();
      void this.clock.measure();
    }
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (err) {
        this.#logger.error({ err, change }, 'a listener to the connection failed');
      }
    }
  }

  get #allLogs(): CommitLog[] {
    return [...Object.values(this.#logs), ...this.extra.logs];
  }

  #resetUnanswered(): void {
    for (const log of this.#allLogs) log.unanswered.reset();
  }

  #refuse(violation: Violation): void {
    // The subscription that is refused logs it itself.
    if (this.#inbox.deny(violation) || violation.operation === 'subscription') return;
    const kind = violation.subject.split('.').slice(0, 5).join('.');
    if (this.#refused.has(kind) || this.#refused.size >= MAX_REFUSED) return;
    this.#refused.add(kind);
    this.#logger.error({ err: forbidden(violation) }, 'the broker refuses what its user may not do');
  }
}
