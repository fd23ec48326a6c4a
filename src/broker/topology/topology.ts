import type { ConsumerInfo, JetStreamManager, StreamConfig, StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { BrokerError } from '../../jobs/errors.js';
import { DEFAULT_ACK_WAIT_MS } from '../../jobs/limits.js';
import type { Logger } from '../../telemetry/logger.js';
import type { StreamKind, Subjects, WorkKind } from '../../wire/subjects.js';
import { AtOnce } from '../at-once.js';
import { type Drift, findDrift, formatDrift, isForeign, OTHER_NAMESPACE } from './drift.js';
import {
  apiCodeOf,
  CONSUMER_NOT_FOUND,
  isLeaderless,
  openManager,
  STREAM_NOT_FOUND,
  unlessMissing,
  withLeader,
} from './manager.js';
import {
  handoverConsumers,
  type TopologyOptions,
  type WantedConsumer,
  type WantedStream,
  wantedConsumers,
  wantedStreams,
} from './stream-config.js';

/** What {@link Topology.ensure} found and did. */
export interface TopologyReport {
  /** Names of what was missing and has been made. */
  created: string[];
  /** Names of what was there and fits. */
  unchanged: string[];
  /** Names of what is missing still; only {@link Topology.inspect} leaves any. */
  missing: string[];
  drift: Drift[];
  /** Names of streams with one copy in a cluster, where nobody has said how many. */
  singleCopies: string[];
  /** Types without all of their consumers, because the server or the account allows no more. Their jobs wait. */
  refusedTypes: string[];
}

/** What to do about what is not there. */
type OnMissing = (target: string, report: TopologyReport, make: () => Promise<unknown>) => Promise<void>;

/** What single copies mean, and the way out. */
export const SINGLE_COPIES =
  'streams have one copy each, but the server belongs to a cluster. A stream is away while the server that holds it is, and lost with its disk. Set the number of copies with --replicas or JETFLEET_REPLICAS. "jetfleet doctor --replicas 3 --fix" raises it for streams that exist';

const NANOS_PER_MS = 1_000_000;
/** Each takes the server milliseconds, and a call that waits for long behind others counts as unanswered. */
const ADDED_AT_ONCE = 50;
/** Types in one message. */
const MAX_NAMED = 20;
const SUBJECTS_OVERLAP = 10065;
const CONSUMER_LIMIT = 10026;
/** No message found, and sequence not found, as the server answers for one that was deleted. */
const MESSAGE_GONE: readonly number[] = [10037, 10043];
const DELETE_FAILED = 10057;

/**
 * Creates the streams and consumers where they are missing; what exists is compared, and only changed where an earlier
 * version made it.
 */
export class Topology {
  readonly #subjects: Subjects;
  readonly #options: TopologyOptions;
  readonly #jsm: JetStreamManager;
  readonly #adding = new AtOnce(ADDED_AT_ONCE);

  private constructor(jsm: JetStreamManager, subjects: Subjects, options: TopologyOptions) {
    this.#jsm = jsm;
    this.#subjects = subjects;
    this.#options = options;
  }

  static async open(connection: NatsConnection, subjects: Subjects, options: TopologyOptions = {}) {
    return new Topology(await openManager(connection), subjects, options);
  }

  /** The streams, and the consumers of `types`. Safe to run from many processes at once. */
  ensure(types: readonly string[] = []): Promise<TopologyReport> {
    const create: OnMissing = (target, report, make) => this.#create(target, report, make);
    return this.#compareAll(types, create, true);
  }

  /** What `ensure` would find, without making anything. */
  inspect(types: readonly string[] = []): Promise<TopologyReport> {
    const note: OnMissing = async (target, report) => void report.missing.push(target);
    return this.#compareAll(types, note, false);
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

  async #compareAll(
    types: readonly string[],
    onMissing: OnMissing,
    mayChange: boolean,
  ): Promise<TopologyReport> {
    const report: TopologyReport = {
      created: [],
      unchanged: [],
      missing: [],
      drift: [],
      singleCopies: [],
      refusedTypes: [],
    };
    const [timers, ...others] = wantedStreams(this.#subjects, this.#options);
    await this.#compareStream(timers as WantedStream, report, onMissing, mayChange);
    await this.#compareHandover(report, onMissing);
    for (const want of others) await this.#compareStream(want, report, onMissing, mayChange);
    const byType = types.map((type) => ({
      type,
      consumers: wantedConsumers(this.#subjects, type, this.#options).filter(
        ({ stream }) => !isForeignIn(report, stream),
      ),
    }));
    const present = await this.#presentConsumers(byType.flatMap(({ consumers }) => consumers));
    const compareEach = (want: WantedConsumer) => {
      const have = present.get(keyOf(want.stream, want.config.durable_name));
      return this.#compareConsumer(want, have, report, onMissing);
    };
    const compareType = async ({ type, consumers }: (typeof byType)[number]) => {
      const results = await Promise.allSettled(consumers.map(compareEach));
      const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
      const other = errors.find((error) => apiCodeOf(error) !== CONSUMER_LIMIT);
      if (other) throw other;
      if (errors.length > 0) await this.#refuseType(type, consumers, report);
    };
    await Promise.all(byType.map(compareType));
    return report;
  }

  /** Others may need the room, and with some of its consumers a type would look as if it were handled. */
  async #refuseType(
    type: string,
    consumers: readonly WantedConsumer[],
    report: TopologyReport,
  ): Promise<void> {
    report.refusedTypes.push(type);
    for (const { stream, config } of consumers) {
      const place = report.created.indexOf(targetOf(stream, config));
      if (place < 0) continue;
      report.created.splice(place, 1);
      await unlessMissing([CONSUMER_NOT_FOUND], () =>
        this.#jsm.consumers.delete(stream, config.durable_name),
      );
    }
  }

  /** The consumers of every type that somebody handles. */
  async consumers(kind: 'jobs' | 'webhooks' | 'events'): Promise<ConsumerInfo[]> {
    const found: ConsumerInfo[] = [];
    for await (const info of this.#jsm.consumers.list(this.#subjects.streamName(kind))) found.push(info);
    return found;
  }

  /** One consumer, or undefined when there is none of this name. */
  consumer(kind: 'jobs' | 'webhooks', name: string): Promise<ConsumerInfo | undefined> {
    const stream = this.#subjects.streamName(kind);
    return unlessMissing([CONSUMER_NOT_FOUND], () => this.#jsm.consumers.info(stream, name));
  }

  /** Notes something about a consumer that the server only keeps. */
  async describeConsumer(kind: WorkKind, name: string, key: string, value: string): Promise<void> {
    const stream = this.#subjects.streamName(kind);
    const { metadata = {} } = (await this.#jsm.consumers.info(stream, name)).config;
    await this.#jsm.consumers.update(stream, name, { metadata: { ...metadata, [key]: value } });
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
  async effective(): Promise<{ ackWaitMs: number; eventsMaxAgeMs: number }> {
    const [jobs, webhooks, events] = await Promise.all([
      this.consumers('jobs'),
      this.consumers('webhooks'),
      this.streamInfo('events'),
    ]);
    const leases = [...jobs, ...webhooks].map(({ config }) => (config.ack_wait ?? 0) / NANOS_PER_MS);
    return {
      ackWaitMs: Math.min(...leases.filter((ms) => ms > 0), DEFAULT_ACK_WAIT_MS),
      eventsMaxAgeMs: events.config.max_age / NANOS_PER_MS || Number.POSITIVE_INFINITY,
    };
  }

  streamInfo(kind: StreamKind, subjectsFilter?: string): Promise<StreamInfo> {
    const filter = subjectsFilter === undefined ? undefined : { subjects_filter: subjectsFilter };
    return this.#jsm.streams.info(this.#subjects.streamName(kind), filter);
  }

  /** The time at the leader of EVENTS, in ms since the epoch; NaN where it does not say. */
  async readClock(): Promise<number> {
    const { ts } = (await this.streamInfo('events')) as StreamInfo & { ts?: string };
    return Date.parse(ts ?? '');
  }

  /** Removes every message of the subject, at most up to the sequence `upTo`; returns how many. */
  async purge(kind: StreamKind, filter: string, upTo?: number): Promise<number> {
    const bound = upTo === undefined ? {} : { seq: upTo + 1 };
    const { purged } = await this.#jsm.streams.purge(this.#subjects.streamName(kind), { filter, ...bound });
    return purged;
  }

  /**
   * The sequence of the last message on a filter, 0 for none, as the stream's leader has it: a direct read may be answered
   * by a replica that is behind.
   */
  async lastSequence(kind: 'jobs' | 'webhooks' | 'events', filter: string): Promise<number> {
    const stream = this.#subjects.streamName(kind);
    const message = await unlessMissing(MESSAGE_GONE, () =>
      this.#jsm.streams.getMessage(stream, { last_by_subj: filter }),
    );
    return message?.seq ?? 0;
  }

  /** Removes one message; one that is gone already is a success. */
  async deleteMessage(kind: StreamKind, seq: number): Promise<void> {
    const stream = this.#subjects.streamName(kind);
    try {
      await this.#jsm.streams.deleteMessage(stream, seq, false);
    } catch (error) {
      if (!isMessageGone(error)) throw error;
    }
  }

  async #compareStream(
    want: WantedStream,
    report: TopologyReport,
    onMissing: OnMissing,
    mayChange: boolean,
  ): Promise<void> {
    const target = `stream ${want.name}`;
    const have = await withLeader(() =>
      unlessMissing([STREAM_NOT_FOUND], () => this.#jsm.streams.info(want.name)),
    );
    if (!have) {
      const make = async () => this.#noteCopies(await this.#addStream(want), report);
      await onMissing(target, report, make);
    } else {
      const { config } = mayChange ? await this.#withSource(have, want, report) : have;
      // How many consumers there may be is the operator's to say, and told where they are too few.
      const { num_replicas: _, max_consumers: __, ...others } = want;
      const { replicas } = this.#options;
      compare(
        target,
        config,
        replicas === undefined ? others : { ...others, num_replicas: replicas },
        report,
      );
      this.#noteCopies(have, report);
    }
  }

  /** Where the account allows fewer consumers than are wanted, with as many as it allows. */
  async #addStream(want: WantedStream): Promise<StreamInfo> {
    const { max_consumers: _, ...others } = want;
    const add = (config: Partial<WantedStream>) =>
      this.#jsm.streams.add(config as StreamConfig & { name: string });
    try {
      return await add(want);
    } catch (error) {
      if (apiCodeOf(error) !== CONSUMER_LIMIT) throw error;
      return add(others);
    }
  }

  #noteCopies({ config, cluster }: StreamInfo, { singleCopies }: TopologyReport): void {
    const isOnlyOne = config.num_replicas === 1 && cluster?.name !== undefined;
    if (isOnlyOne && this.#options.replicas === undefined) singleCopies.push(`stream ${config.name}`);
  }

  /** The consumers by which the work streams take from TIMERS; without that stream, it alone is missing. */
  async #compareHandover(report: TopologyReport, onMissing: OnMissing): Promise<void> {
    const wanted = handoverConsumers(this.#subjects);
    const timers = this.#subjects.streamName('timers');
    if (report.missing.includes(`stream ${timers}`) || isForeignIn(report, timers)) return;
    const present = await this.#presentConsumers(wanted);
    for (const want of wanted) {
      await this.#compareConsumer(
        want,
        present.get(keyOf(want.stream, want.config.durable_name)),
        report,
        onMissing,
      );
    }
  }

  /**
   * A work stream that is older than TIMERS waits up to 20 s before it takes from it, unless its source is set again. One
   * that has none now is just being given it, by somebody who may die before it is done.
   */
  async #withSource(
    have: StreamInfo,
    { name, sources, subjects = [] }: WantedStream,
    { created }: TopologyReport,
  ): Promise<StreamInfo> {
    const [source] = sources ?? [];
    if (!source || !have.config.subjects?.some((subject) => subjects.includes(subject))) return have;
    const isNew = created.includes(`stream ${source.name}`);
    const { streams } = this.#jsm;
    const isOlder = isNew && have.created < (await withLeader(() => streams.info(source.name))).created;
    if (isOlder) await withLeader(() => streams.update(name, { sources: [] }));
    else if (have.config.sources?.length) return have;
    return withLeader(() => streams.update(name, { sources } as Partial<StreamConfig>));
  }

  async #compareConsumer(
    { stream, config }: WantedConsumer,
    have: ConsumerInfo | undefined,
    report: TopologyReport,
    onMissing: OnMissing,
  ): Promise<void> {
    const target = targetOf(stream, config);
    if (have) compare(target, have.config, config, report);
    else
      await this.#adding.run(() => onMissing(target, report, () => this.#jsm.consumers.add(stream, config)));
  }

  /** What is there of the wanted consumers, by stream and name. */
  async #presentConsumers(wanted: readonly WantedConsumer[]): Promise<Map<string, ConsumerInfo>> {
    const present = new Map<string, ConsumerInfo>();
    for (const stream of new Set(wanted.map((want) => want.stream))) {
      const list = async () => {
        for await (const info of this.#jsm.consumers.list(stream))
          present.set(keyOf(stream, info.name), info);
      };
      await withLeader(() => unlessMissing([STREAM_NOT_FOUND], list));
    }
    return present;
  }

  /** The stream of somebody else that has a subject of the one that was to be made, if that is the reason. */
  async #whoOverlaps(target: string, cause: unknown): Promise<BrokerError | undefined> {
    if (apiCodeOf(cause) !== SUBJECTS_OVERLAP) return undefined;
    const want = wantedStreams(this.#subjects, this.#options).find(({ name }) => target === `stream ${name}`);
    for (const subject of want?.subjects ?? []) {
      for await (const name of this.#jsm.streams.names(subject)) {
        const { config } = await this.#jsm.streams.info(name);
        const why = `cannot create ${target}: stream ${name}, with the subjects ${config.subjects.join(', ')}, has ${subject} already; ${OTHER_NAMESPACE}`;
        return new BrokerError('JETFLEET_STREAM_DRIFT', why, { cause });
      }
    }
    return undefined;
  }

  async #create(target: string, report: TopologyReport, make: () => Promise<unknown>): Promise<void> {
    try {
      await withLeader(make);
      report.created.push(target);
    } catch (cause) {
      if (isLeaderless(cause)) throw cause;
      const other = await this.#whoOverlaps(target, cause);
      if (other) throw other;
      const why = `cannot create ${target}: ${(cause as Error).message}`;
      throw new BrokerError('JETFLEET_NO_STREAM', why, { cause, retryable: true });
    }
  }
}

/**
 * Logs what only costs comfort, and refuses what could cost jobs.
 * @throws BrokerError `JETFLEET_STREAM_DRIFT` with the whole diff
 */
export function assertSafe(report: TopologyReport, logger: Logger): void {
  const advice = report.drift.filter(({ severity }) => severity === 'advice');
  if (advice.length > 0) logger.warn({ drift: advice }, 'streams differ from what Jetfleet would choose');
  const { singleCopies } = report;
  if (singleCopies.length > 0) logger.warn({ streams: singleCopies }, SINGLE_COPIES);
  const error = dangerIn(report);
  if (error) throw error;
}

/** @throws BrokerError `JETFLEET_CONSUMER_LIMIT` where not all types have their consumers */
export function assertAllowed({ refusedTypes }: Pick<TopologyReport, 'refusedTypes'>): void {
  if (refusedTypes.length === 0) return;
  const named = refusedTypes.slice(0, MAX_NAMED).join(', ');
  const more = refusedTypes.length > MAX_NAMED ? ` and ${refusedTypes.length - MAX_NAMED} more` : '';
  const why = `the server allows no more consumers, so nobody can take jobs of ${named}${more}: a type needs four. Raise max_consumers of the account or the stream, then restart the worker`;
  throw new BrokerError('JETFLEET_CONSUMER_LIMIT', why, { retryable: true });
}

/** What could cost jobs, as an error that may pass once somebody has set the streams as wanted. */
export function dangerIn({ drift }: TopologyReport): BrokerError | undefined {
  const danger = drift.filter(({ severity }) => severity === 'danger');
  if (danger.length === 0) return undefined;
  const why = `${whatDiffers(danger)}:\n${formatDrift(danger)}`;
  return new BrokerError('JETFLEET_STREAM_DRIFT', why, { retryable: true });
}

function whatDiffers(danger: readonly Drift[]): string {
  const foreign = danger.filter(isForeign).map(({ target }) => target);
  if (foreign.length > 0)
    return `${foreign.join(', ')} was not created by Jetfleet and is left as it is; ${OTHER_NAMESPACE}`;
  return `the broker differs from what Jetfleet needs to keep jobs safe; set it as wanted, for example with "jetfleet doctor --fix", or ${OTHER_NAMESPACE}`;
}

/** A stream of somebody else gets no consumers of ours. */
function isForeignIn({ drift }: TopologyReport, stream: string): boolean {
  return drift.some((each) => each.target === `stream ${stream}` && isForeign(each));
}

function targetOf(stream: string, { durable_name: name }: WantedConsumer['config']): string {
  return `consumer ${name} of ${stream}`;
}

function keyOf(stream: string, consumer: string): string {
  return `${stream} ${consumer}`;
}

function compare(target: string, have: object, want: object, report: TopologyReport): void {
  const drift = findDrift(target, have, want);
  if (drift.length === 0) report.unchanged.push(target);
  report.drift.push(...drift);
}

/** A message may go between the server's look-up and its removal; then only the text says why. */
function isMessageGone(error: unknown): boolean {
  const code = apiCodeOf(error);
  if (code === undefined) return false;
  const isLate = code === DELETE_FAILED && /no message found|deleted message/.test((error as Error).message);
  return isLate || MESSAGE_GONE.includes(code);
}
