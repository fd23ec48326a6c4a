/** The streams of features that few use: each is made, and asked for, when it is first used. */
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from '../telemetry/logger.js';
import type { Sealer } from '../wire/sealer.js';
import type { ExtraKind, StreamKind, Subjects } from '../wire/subjects.js';
import { ActivityStore } from './activity-store.js';
import { ChildStore } from './child-store.js';
import type { ReplyInbox } from './connection/reply-inbox.js';
import { ExtraStream } from './extra-stream.js';
import { ObjectStore } from './object-store.js';
import { CommitLog } from './publish/commit-log.js';
import type { CommitLogOptions, ServerSync } from './publish/commit-options.js';
import { STALLED, UnansweredWrites } from './publish/unanswered-writes.js';
import { DirectRead } from './read/direct-read.js';
import { SignalStore } from './signal-store.js';
import { StepStore } from './step-store.js';
import { MissingStreams, SoughtStream, type StreamMaker } from './topology/missing-streams.js';
import type { Topology } from './topology/topology.js';
import { UniqueKeys } from './unique-keys.js';

export interface LogOptions {
  connection: NatsConnection;
  inbox: ReplyInbox;
  subjects: Subjects;
  commit: CommitLogOptions & { sync?: ServerSync };
  logger: Logger;
  isConnected: () => boolean;
}

export interface ExtraStreamsOptions extends LogOptions {
  topology: Topology;
  sealer: Sealer;
  maxObjectBytes: number;
  /** Whether this process makes streams that are missing. */
  creates: () => boolean;
}

/** What writes to one stream. */
export function openLog(
  { connection, inbox, subjects, commit, logger, isConnected }: LogOptions,
  kind: StreamKind | ExtraKind,
  read: DirectRead,
  streams: StreamMaker,
): CommitLog {
  const stream = subjects.streamName(kind);
  const onStalled = () => logger.error({ stream }, `the stream ${STALLED}`);
  const unanswered = new UnansweredWrites(onStalled, isConnected);
  return new CommitLog(connection, inbox, (filter) => read.last(stream, filter), commit, streams, unanswered);
}

export class ExtraStreams {
  readonly #options: ExtraStreamsOptions;
  readonly #used = new Map<ExtraKind, ExtraStream>();
  #activity: ActivityStore | undefined;
  #steps: StepStore | undefined;
  #unique: UniqueKeys | undefined;
  #signals: SignalStore | undefined;
  #children: ChildStore | undefined;
  #objects: ObjectStore | undefined;

  constructor(options: ExtraStreamsOptions) {
    this.#options = options;
  }

  of(kind: ExtraKind): ExtraStream {
    const used = this.#used.get(kind) ?? this.#open(kind);
    this.#used.set(kind, used);
    return used;
  }

  /** What handlers report. */
  get activity(): ActivityStore {
    this.#activity ??= new ActivityStore(this.of('activity'), this.#options);
    return this.#activity;
  }

  /** What state machines did. */
  get steps(): StepStore {
    const { subjects, topology } = this.#options;
    this.#steps ??= new StepStore(this.of('steps'), subjects, topology);
    return this.#steps;
  }

  get unique(): UniqueKeys {
    const { subjects, topology } = this.#options;
    this.#unique ??= new UniqueKeys(this.of('unique'), subjects, topology);
    return this.#unique;
  }

  get signals(): SignalStore {
    const { subjects, topology } = this.#options;
    this.#signals ??= new SignalStore(this.of('signals'), subjects, topology);
    return this.#signals;
  }

  get children(): ChildStore {
    const { subjects, topology, sealer } = this.#options;
    this.#children ??= new ChildStore(this.signals, subjects, topology, sealer, () => this.objects);
    return this.#children;
  }

  get objects(): ObjectStore {
    this.#objects ??= new ObjectStore(this.of('objects'), this.#options);
    return this.#objects;
  }

  /** The logs of those that were used. */
  get logs(): CommitLog[] {
    return [...this.#used.values()].map(({ log }) => log);
  }

  #open(kind: ExtraKind): ExtraStream {
    const { connection, inbox, topology, subjects, logger, creates } = this.#options;
    const ensure = () => topology.extra([kind], creates());
    const streams = new MissingStreams(ensure, logger, false);
    const read = new DirectRead(connection, inbox, streams);
    return new ExtraStream({
      name: subjects.streamName(kind),
      read,
      look: new DirectRead(connection, inbox, new SoughtStream(() => topology.hasStream(kind))),
      log: openLog(this.#options, kind, read, streams),
      ensure,
    });
  }
}
