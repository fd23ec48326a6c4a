import type { ConsumerInfo, JetStreamManager, StreamConfig, StreamInfo } from '@nats-io/jetstream';
import { BrokerError } from '../../jobs/errors.js';
import type { Subjects } from '../../wire/subjects.js';
import { AtOnce } from '../at-once.js';
import { findDrift, OTHER_NAMESPACE } from './drift.js';
import {
  apiCodeOf,
  CONSUMER_NOT_FOUND,
  isLeaderless,
  STREAM_NOT_FOUND,
  unlessMissing,
  withLeader,
} from './manager.js';
import { isForeignIn, type TopologyReport } from './report.js';
import {
  handoverConsumers,
  type TopologyOptions,
  type WantedConsumer,
  type WantedStream,
  wantedConsumers,
  wantedStreams,
} from './stream-config.js';

/** What to do about what is not there. */
type OnMissing = (target: string, report: TopologyReport, make: () => Promise<unknown>) => Promise<void>;

/** Each takes the server milliseconds, and a call that waits for long behind others counts as unanswered. */
const ADDED_AT_ONCE = 50;
const SUBJECTS_OVERLAP = 10065;
const CONSUMER_LIMIT = 10026;

/** Creates the streams and consumers where they are missing. What exists is compared and left as it is. */
export class TopologySetup {
  readonly #jsm: JetStreamManager;
  readonly #subjects: Subjects;
  readonly #options: TopologyOptions;
  readonly #adding = new AtOnce(ADDED_AT_ONCE);

  constructor(jsm: JetStreamManager, subjects: Subjects, options: TopologyOptions) {
    this.#jsm = jsm;
    this.#subjects = subjects;
    this.#options = options;
  }

  /** The streams, and the consumers of `types`. Safe to run from many processes at once. */
  ensure(types: readonly string[]): Promise<TopologyReport> {
    const create: OnMissing = (target, report, make) => this.#create(target, report, make);
    return this.#compareAll(types, create, true);
  }

  /** What `ensure` would find, without making anything. */
  inspect(types: readonly string[]): Promise<TopologyReport> {
    const note: OnMissing = async (target, report) => void report.missing.push(target);
    return this.#compareAll(types, note, false);
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
   * A work stream whose TIMERS was deleted and recreated waits up to 20 s before it takes from it, unless its source is set
   * again. One that has none now is just being given it, by somebody who may die before it is done.
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
