/** The streams of a standby site: mirrors of those of another site, copies of its timers, and how they become streams of their own. */
import {
  type JetStreamManager,
  RetentionPolicy,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import { headers as makeHeaders, type NatsConnection } from '@nats-io/transport-node';
import { BrokerError } from '../../jobs/errors.js';
import { inParts } from '../../jobs/in-parts.js';
import {
  copySubject,
  decodeStandbyTimer,
  encodeStandbyTimer,
  type StandbyTimer,
  standbySubject,
} from '../../wire/standby-message.js';
import { ANY, EXTRA_KINDS, type Subjects } from '../../wire/subjects.js';
import { request } from '../connection/guarded.js';
import { extraStream } from '../topology/extra-stream-config.js';
import { MESSAGE_NOT_FOUND, STREAM_NOT_FOUND, unlessMissing } from '../topology/manager.js';
import { stored, type TopologyOptions, type WantedStream, wantedStreams } from '../topology/stream-config.js';

/** Timers that are written or set at a time. */
const AT_ONCE = 256;
const PUBLISH_MS = 5_000;
const REACH_MS = 5_000;

export interface MirrorState {
  stream: string;
  /** The last message that it has. */
  lastSeq: number;
  /** Messages that the origin has and the mirror has not, as it has heard. */
  lag: number;
  /** How long ago the mirror has heard of its origin, in milliseconds; undefined where it never has. */
  silentMs?: number;
}

export class StandbyStreams {
  readonly #connection: NatsConnection;
  readonly #jsm: JetStreamManager;
  readonly #subjects: Subjects;
  readonly #options: TopologyOptions;

  constructor(
    connection: NatsConnection,
    jsm: JetStreamManager,
    subjects: Subjects,
    options: TopologyOptions,
  ) {
    this.#connection = connection;
    this.#jsm = jsm;
    this.#subjects = subjects;
    this.#options = options;
  }

  /**
   * Makes the mirrors that are missing, of the streams that the origin has, and the stream of the copies.
   * @param domain of JetStream at the origin
   * @throws BrokerError `JETFLEET_STREAM_DRIFT` where a stream of the name is no mirror of it: this site has jobs of its own;
   *   `JETFLEET_BROKER_UNREACHABLE` where no leaf node leads to the domain
   */
  async make(domain: string, atOrigin: (name: string) => boolean): Promise<void> {
    const api = `$JS.${domain}.API`;
    const missing: WantedStream[] = [];
    for (const want of this.#mirrored()) {
      const have = await this.#info(want.name);
      if (have && have.config.mirror?.external?.api !== api) throw notStandby(want.name, domain);
      if (!have && atOrigin(want.name)) missing.push(want);
    }
    const timers = this.#subjects.streamName('timers');
    if (await this.#info(timers)) throw notStandby(timers, domain);
    // A mirror that is made before asks again after ten seconds and more.
    if (missing.length > 0) await this.#reach(domain, api);
    for (const want of missing) await this.#mirror(want, api);
    if (await this.#info(this.#copies)) return;
    await this.#add({
      ...stored(this.#options),
      name: this.#copies,
      description: 'Jetfleet: copies of the timers of another site',
      subjects: [standbySubject(this.#subjects, ANY)],
      max_msgs_per_subject: 1,
    } as Partial<StreamConfig>);
  }

  async #reach(domain: string, api: string): Promise<void> {
    try {
      await request(this.#connection, `${api}.INFO`, '', { timeout: REACH_MS });
    } catch (cause) {
      const why = `the standby does not reach the domain ${domain}: check its leaf node, and the domain of the origin`;
      throw new BrokerError('JETFLEET_BROKER_UNREACHABLE', why, { cause, retryable: true });
    }
  }

  async #mirror({ name, ...want }: WantedStream, api: string): Promise<void> {
    const { storage, num_replicas, max_age, max_msgs_per_subject, max_msg_size, allow_msg_ttl } = want;
    const kept = { storage, num_replicas, max_age, max_msgs_per_subject, max_msg_size, allow_msg_ttl };
    // It cannot be changed later.
    const { max_consumers = -1 } = want;
    const mirror = { name, external: { api, deliver: '' } };
    const retention = RetentionPolicy.Limits;
    const config = { name, ...kept, max_consumers, retention, allow_direct: true, mirror };
    await this.#add(config as Partial<StreamConfig>);
  }

  async states(): Promise<MirrorState[]> {
    const infos = await Promise.all(this.#mirrored().map(({ name }) => this.#info(name)));
    return infos.flatMap((info) => {
      if (!info?.mirror) return [];
      const { lag, active } = info.mirror;
      const heard = active >= 0 && { silentMs: Math.round(active / 1e6) };
      return [{ stream: info.config.name, lastSeq: info.state.last_seq, lag, ...heard }];
    });
  }

  /** Removes from a mirror what the origin has removed. */
  async purge(stream: string, filter: string, upTo: number): Promise<void> {
    if (upTo > 0) await this.#jsm.streams.purge(stream, { filter, seq: upTo + 1 });
  }

  /** Every copy of a timer, as the leader has it. */
  async *copies(): AsyncGenerator<StandbyTimer> {
    if (!(await this.#info(this.#copies))) return;
    const next_by_subj = standbySubject(this.#subjects, ANY);
    for (let seq = 1; ; ) {
      const query = { seq, next_by_subj };
      const message = await unlessMissing([MESSAGE_NOT_FOUND], () =>
        this.#jsm.streams.getMessage(this.#copies, query),
      );
      if (!message) return;
      seq = message.seq + 1;
      yield decodeStandbyTimer(message.data);
    }
  }

  /** Writes copies, each in place of the one before of its timer. */
  async copy(timers: readonly StandbyTimer[]): Promise<void> {
    await this.#writeAll(
      timers.map((timer) => ({
        subject: copySubject(this.#subjects, timer.subject),
        data: encodeStandbyTimer(timer),
        headers: [],
      })),
    );
  }

  async forget(subjects: readonly string[]): Promise<void> {
    const filters = subjects.map((subject) => copySubject(this.#subjects, subject));
    await inParts(filters, AT_ONCE, (filter) => this.#jsm.streams.purge(this.#copies, { filter }));
  }

  /** Makes the mirrors streams of their own. A work stream takes from TIMERS, which must be there. */
  async release(): Promise<void> {
    for (const { name, ...want } of this.#mirrored()) {
      const info = await this.#info(name);
      const { num_replicas } = info?.config ?? {};
      const promoted = { ...want, num_replicas, mirror: undefined } as Partial<StreamConfig>;
      if (info?.config.mirror) await this.#jsm.streams.update(name, promoted);
    }
  }

  /** Sets the timers of the copies, and forgets these. @returns how many */
  async setTimers(): Promise<number> {
    let set = 0;
    let batch: StandbyTimer[] = [];
    const flush = async () => {
      await this.#writeAll(
        batch.map(({ subject, data, headers }) => ({ subject, data: Buffer.from(data, 'base64'), headers })),
      );
      set += batch.length;
      batch = [];
    };
    for await (const timer of this.copies()) if (batch.push(timer) === AT_ONCE) await flush();
    await flush();
    await unlessMissing([STREAM_NOT_FOUND], () => this.#jsm.streams.delete(this.#copies));
    return set;
  }

  async #writeAll(messages: readonly Sent[]): Promise<void> {
    await inParts(messages, AT_ONCE, (message) => this.#publish(message));
  }

  async #publish({ subject, data, headers }: Sent): Promise<void> {
    const sent = makeHeaders();
    for (const [name, value] of headers) sent.append(name, value);
    const answer = await request(this.#connection, subject, data, { headers: sent, timeout: PUBLISH_MS });
    const { error } = answer.json<{ error?: { description: string } }>();
    if (error) throw new BrokerError('JETFLEET_PUBLISH_REFUSED', `${subject}: ${error.description}`);
  }

  /** Not TIMERS: a mirror holds no schedules, so its timers are copied and set again. */
  #mirrored(): WantedStream[] {
    const [, ...others] = wantedStreams(this.#subjects, this.#options);
    return [...others, ...EXTRA_KINDS.map((kind) => extraStream(kind, this.#subjects, this.#options))];
  }

  get #copies(): string {
    return this.#subjects.streamName('standby');
  }

  async #info(name: string): Promise<StreamInfo | undefined> {
    return await unlessMissing([STREAM_NOT_FOUND], () => this.#jsm.streams.info(name));
  }

  async #add(config: Partial<StreamConfig>): Promise<void> {
    await this.#jsm.streams.add(config as StreamConfig & { name: string });
  }
}

interface Sent {
  subject: string;
  data: Uint8Array;
  headers: readonly (readonly [name: string, value: string])[];
}

function notStandby(name: string, domain: string): BrokerError {
  const why = `stream ${name} is here and is no mirror of the domain ${domain}: a standby has no jobs of its own; use an empty nats-server, or another namespace`;
  return new BrokerError('JETFLEET_STREAM_DRIFT', why);
}
