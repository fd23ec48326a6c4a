import type { ConsumerInfo, JetStreamManager, StreamConfig, StreamInfo } from '@nats-io/jetstream';
import { BrokerError } from '../../jobs/errors.js';
import { pausedUntil } from '../../wire/pauses.js';
import { EXTRA_KINDS, type ExtraKind, type Subjects } from '../../wire/subjects.js';
import { AtOnce } from '../at-once.js';
import { wantedConsumers } from './consumer-config.js';
import { findDrift, OTHER_NAMESPACE } from './drift.js';
import { extraStream } from './extra-stream-config.js';
import {
  apiCodeOf,
  CONSUMER_NOT_FOUND,
  isLeaderless,
  STREAM_NOT_FOUND,
  unlessMissing,
  withLeader,
} from './manager.js';
import type { Pauses, StoredPauses } from './pauses.js';
import { isForeignIn, type TopologyReport } from './report.js';
import {
  type TopologyOptions,
  type WantedConsumer,
  type WantedStream,
  wantedStreams,
} from './stream-config.js';

/** Each takes the server milliseconds, and a call that waits for long behind others counts as unanswered. */
const ADDED_AT_ONCE = 50;
const SUBJECTS_OVERLAP = 10065;
const CONSUMER_LIMIT = 10026;

/**
 * One comparison of the streams and consumers with what is wanted. What exists is left as it is; what is missing is created, where
 * that is asked for.
 */
export class TopologySetup {
  readonly #jsm: JetStreamManager;
  readonly #subjects: Subjects;
  readonly #options: TopologyOptions;
  readonly #creates: boolean;
  readonly #pauses: Pauses;
  /** The list by which consumers were paused as they were created. */
  #held: Promise<StoredPauses> | undefined;
  readonly #adding = new AtOnce(ADDED_AT_ONCE);
  readonly #report: TopologyReport = {
    created: [],
    unchanged: [],
    missing: [],
    drift: [],
    singleCopies: [],
    refusedTypes: [],
  };

  constructor(
    jsm: JetStreamManager,
    subjects: Subjects,
    options: TopologyOptions,
    pauses: Pauses,
    creates: boolean,
  ) {
    this.#jsm = jsm;
    this.#pauses = pauses;
    this.#subjects = subjects;
    this.#options = options;
    this.#creates = creates;
  }

  /** The streams, and the consumers of `types`. Safe to run from many processes at once. */
  async run(types: readonly string[]): Promise<TopologyReport> {
    for (const want of wantedStreams(this.#subjects, this.#options)) await this.#compareStream(want);
    const byType = types.map((type) => ({
      type,
      consumers: wantedConsumers(this.#subjects, type, this.#options).filter(
        ({ stream }) => !isForeignIn(this.#report, stream),
      ),
    }));
    const present = await this.#presentConsumers(byType.flatMap(({ consumers }) => consumers));
    await Promise.all(byType.map(({ type, consumers }) => this.#compareType(type, consumers, present)));
    // What was paused or resumed meanwhile was done to the consumers that were there.
    const held = await this.#held;
    if (held && (await this.#pauses.readIfAllowed()).seq !== held.seq) await this.#pauses.hold();
    return this.#report;
  }

  /** Streams that are made when they are first used. */
  async runExtra(kinds: readonly ExtraKind[]): Promise<TopologyReport> {
    for (const kind of kinds) await this.#compareStream(extraStream(kind, this.#subjects, this.#options));
    return this.#report;
  }

  async #compareType(
    type: string,
    consumers: readonly WantedConsumer[],
    present: ReadonlyMap<string, ConsumerInfo>,
  ): Promise<void> {
    const results = await Promise.allSettled(consumers.map((want) => this.#compareConsumer(want, present)));
    const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    const other = errors.find((error) => apiCodeOf(error) !== CONSUMER_LIMIT);
    if (other) throw other;
    if (errors.length > 0) await this.#refuseType(type, consumers);
  }

  /** Others may need the room, and with some of its consumers a type would look as if it were handled. */
  async #refuseType(type: string, consumers: readonly WantedConsumer[]): Promise<void> {
    const { refusedTypes, created } = this.#report;
    refusedTypes.push(type);
    for (const { stream, config } of consumers) {
      const place = created.indexOf(targetOf(stream, config));
      if (place < 0) continue;
      created.splice(place, 1);
      await unlessMissing([CONSUMER_NOT_FOUND], () =>
        this.#jsm.consumers.delete(stream, config.durable_name),
      );
    }
  }

  async #compareStream(want: WantedStream): Promise<void> {
    const target = `stream ${want.name}`;
    const have = await withLeader(() =>
      unlessMissing([STREAM_NOT_FOUND], () => this.#jsm.streams.info(want.name)),
    );
    if (!have) {
      await this.#onMissing(target, async () => this.#noteCopies(await this.#addStream(want)));
      return;
    }
    const { config } = this.#creates ? await this.#withSource(have, want) : have;
    // How many consumers there may be is the operator's to say, and told where they are too few.
    const { num_replicas: _, max_consumers: __, ...others } = want;
    const { replicas } = this.#options;
    this.#compare(target, config, replicas === undefined ? others : { ...others, num_replicas: replicas });
    this.#noteCopies(have);
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

  #noteCopies({ config, cluster }: StreamInfo): void {
    const isOnlyOne = config.num_replicas === 1 && cluster?.name !== undefined;
    if (isOnlyOne && this.#options.replicas === undefined)
      this.#report.singleCopies.push(`stream ${config.name}`);
  }

  /**
   * A work stream whose TIMERS was deleted and recreated waits up to 20 s before it takes from it, unless its source is set
   * again. One that has none now is just being given it, by somebody who may die before it is done.
   */
  async #withSource(have: StreamInfo, { name, sources, subjects = [] }: WantedStream): Promise<StreamInfo> {
    const [source] = sources ?? [];
    if (!source || !have.config.subjects?.some((subject) => subjects.includes(subject))) return have;
    const isNew = this.#report.created.includes(`stream ${source.name}`);
    const { streams } = this.#jsm;
    const isOlder = isNew && have.created < (await withLeader(() => streams.info(source.name))).created;
    if (isOlder) await withLeader(() => streams.update(name, { sources: [] }));
    else if (have.config.sources?.length) return have;
    return withLeader(() => streams.update(name, { sources } as Partial<StreamConfig>));
  }

  async #compareConsumer(
    { stream, config }: WantedConsumer,
    present: ReadonlyMap<string, ConsumerInfo>,
  ): Promise<void> {
    const target = targetOf(stream, config);
    const have = present.get(target);
    if (have) this.#compare(target, have.config, config);
    else await this.#adding.run(() => this.#onMissing(target, () => this.#addConsumer(stream, config)));
  }

  /** One of paused jobs is paused from the start. */
  async #addConsumer(stream: string, config: WantedConsumer['config']): Promise<void> {
    const consumer = this.#subjects.parseConsumer(config.durable_name);
    this.#held ??= consumer && this.#pauses.readIfAllowed();
    const { pauses = [] } = (await this.#held) ?? {};
    const untilMs = consumer && pausedUntil(pauses, consumer);
    const pause = untilMs === undefined ? {} : { pause_until: new Date(untilMs).toISOString() };
    await this.#jsm.consumers.add(stream, { ...config, ...pause });
  }

  /** What is there of the streams of wanted consumers, by its target. */
  async #presentConsumers(wanted: readonly WantedConsumer[]): Promise<Map<string, ConsumerInfo>> {
    const present = new Map<string, ConsumerInfo>();
    for (const stream of new Set(wanted.map((want) => want.stream))) {
      const list = async () => {
        for await (const info of this.#jsm.consumers.list(stream))
          present.set(targetOf(stream, { durable_name: info.name }), info);
      };
      await withLeader(() => unlessMissing([STREAM_NOT_FOUND], list));
    }
    return present;
  }

  #compare(target: string, have: object, want: object): void {
    const drift = findDrift(target, have, want);
    if (drift.length === 0) this.#report.unchanged.push(target);
    this.#report.drift.push(...drift);
  }

  async #onMissing(target: string, create: () => Promise<unknown>): Promise<void> {
    if (!this.#creates) {
      this.#report.missing.push(target);
      return;
    }
    try {
      await withLeader(create);
      this.#report.created.push(target);
    } catch (cause) {
      if (isLeaderless(cause)) throw cause;
      const other = await this.#whoOverlaps(target, cause);
      if (other) throw other;
      const why = `cannot create ${target}: ${(cause as Error).message}`;
      throw new BrokerError('JETFLEET_NO_STREAM', why, { cause, retryable: true });
    }
  }

  /** The stream of somebody else that has a subject of the one that was to be made, if that is the reason. */
  async #whoOverlaps(target: string, cause: unknown): Promise<BrokerError | undefined> {
    if (apiCodeOf(cause) !== SUBJECTS_OVERLAP) return undefined;
    const wanted = [
      ...wantedStreams(this.#subjects, this.#options),
      ...EXTRA_KINDS.map((kind) => extraStream(kind, this.#subjects, this.#options)),
    ];
    const want = wanted.find(({ name }) => target === `stream ${name}`);
    for (const subject of want?.subjects ?? []) {
      for await (const name of this.#jsm.streams.names(subject)) {
        const { config } = await this.#jsm.streams.info(name);
        const why = `cannot create ${target}: stream ${name}, with the subjects ${config.subjects.join(', ')}, has ${subject} already; ${OTHER_NAMESPACE}`;
        return new BrokerError('JETFLEET_STREAM_DRIFT', why, { cause });
      }
    }
    return undefined;
  }
}

function targetOf(stream: string, { durable_name: name }: { durable_name: string }): string {
  return `consumer ${name} of ${stream}`;
}
