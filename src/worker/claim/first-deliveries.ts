import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import type { JobPriority } from '../../jobs/vocabulary.js';
import type { Logger } from '../../telemetry/logger.js';
import { ANY } from '../../wire/subjects.js';

interface Delivered {
  id: string;
  seq: number;
  type: string;
  priority: JobPriority;
}

/**
 * A server that crashes has forgotten the deliveries of its last tenth of a second (nats-server, server/filestore.go,
 * `flushLoop`). Reading the records of this time leaves room for a server that was late.
 */
const FORGOTTEN_MS = 1_000;
/** With more records than this in that time, what waits is not trusted: reading them would take longer than it saves. */
const MAX_RECORDS = 50_000;
const PAGE = 2_000;
/** With more failed jobs than this, what waits is not trusted either, and with more notices, what waits by then. */
const MAX_CANCELLED = 10_000;

/**
 * Which messages of JOBS are surely handed out for the first time when they say so. After a crash of its server a consumer has
 * forgotten its last deliveries and counts from 1 again, and one that was recreated hands out all that is stored. With replicas
 * another node may take over as forgetfully, and unseen. A job that was cancelled or changed while it waited has a record already.
 */
export class FirstDeliveries {
  readonly #broker: Broker;
  readonly #logger: Logger;
  /** Messages after this sequence are. */
  #after = Number.POSITIVE_INFINITY;
  #reconnects = 0;
  /** By type and priority, which have a consumer each: the last message that was claimed before this worker started. */
  readonly #claimed = new Map<string, number>();

  readonly #cancelled = new Set<string>();
  #stopHearing: (() => void) | undefined;

  constructor(broker: Broker, logger: Logger) {
    this.#broker = broker;
    this.#logger = logger;
  }

  /** Trusts what a single server hands out that was not claimed before, until it goes away. */
  async begin(): Promise<void> {
    const reconnect = this.#reconnects;
    const { config, state } = await this.#broker.topology.streamInfo('jobs');
    if (config.num_replicas !== 1) return;
    // From now on, so that no cancellation is missed between what is read and what is heard.
    this.#stopHearing ??= this.#broker.notices.onCancelled((id) => this.#noteCancelled(id));
    const isKnown =
      (await this.#readClaims()) &&
      (state.messages === 0 || (await this.#readCancelled(Date.parse(state.first_ts))));
    // After a reconnect meanwhile, what waited then may have been handed out before.
    if (reconnect === this.#reconnects) this.#after = isKnown ? 0 : state.last_seq;
  }

  close(): void {
    this.#stopHearing?.();
    this.#stopHearing = undefined;
    this.distrust();
  }

  #noteCancelled(id: string): void {
    // Anybody may send a notice, and with a wrong one a job begins a little later.
    this.#cancelled.add(id);
    if (this.#cancelled.size <= MAX_CANCELLED) return;
    this.#cancelled.clear();
    void this.renew();
  }

  /** Of those that failed, or were changed while they waited, since a time. @returns false when there are too many to read */
  async #readCancelled(fromMs: number): Promise<boolean> {
    const { read, subjects } = this.#broker;
    const stream = subjects.streamName('events');
    const first = await read.sequenceAt(stream, fromMs);
    if (!Number.isFinite(first)) return true;
    for (const status of ['failed', 'pending'] as const) {
      const filter = subjects.event(ANY, status, ANY);
      if ((await read.count(stream, filter, first)) > MAX_CANCELLED) return false;
      for await (const message of read.walk(stream, filter, first, PAGE)) {
        const record = this.#broker.recordOf(message);
        const isTouched = record?.state === 'cancelled' || record?.change !== undefined;
        if (isTouched && record.workSeq === undefined) this.#cancelled.add(record.id);
      }
    }
    return true;
  }

  /** @returns false when there are too many to read */
  async #readClaims(): Promise<boolean> {
    const { read, subjects, topology } = this.#broker;
    const { state } = await topology.streamInfo('events');
    const stream = subjects.streamName('events');
    if (state.messages === 0) return true;
    const first = await read.sequenceAt(stream, Date.parse(state.last_ts) - FORGOTTEN_MS);
    if (state.last_seq - first >= MAX_RECORDS) return false;
    if (first > state.last_seq) return true;
    for await (const message of read.walk(stream, subjects.event(ANY, ANY, ANY), first, PAGE)) {
      if (message.seq > state.last_seq) break;
      this.#noteClaim(message);
    }
    return true;
  }

  #noteClaim(message: StoredMessage): void {
    const record = this.#broker.recordOf(message);
    if (record?.workSeq === undefined || this.#broker.subjects.workKindOf(record.type) !== 'jobs') return;
    const key = keyOf(record);
    this.#claimed.set(key, Math.max(record.workSeq, this.#claimed.get(key) ?? 0));
  }

  /** Consumers were made for these types: they hand out all that is stored, also of jobs that have run. */
  async consumersMade(types: readonly string[]): Promise<void> {
    const { read, subjects } = this.#broker;
    const counts = types.map((type) =>
      read.count(subjects.streamName('events'), subjects.event(type, ANY, ANY)),
    );
    if ((await Promise.all(counts)).some((count) => count > 0)) await this.renew();
  }

  distrust(): void {
    this.#reconnects++;
    this.#after = Number.POSITIVE_INFINITY;
  }

  /** After a reconnect: trusts what is stored from now on. */
  async renew(): Promise<void> {
    this.distrust();
    const reconnect = this.#reconnects;
    try {
      const { config, state } = await this.#broker.topology.streamInfo('jobs');
      if (reconnect === this.#reconnects && config.num_replicas === 1) this.#after = state.last_seq;
    } catch (err) {
      this.#logger.warn({ err }, 'cannot read the last sequence; jobs begin once their claims are written');
    }
  }

  has(delivered: Delivered): boolean {
    if (delivered.seq <= this.#after || delivered.seq <= (this.#claimed.get(keyOf(delivered)) ?? 0))
      return false;
    return this.#cancelled.size === 0 || !this.#cancelled.has(delivered.id);
  }
}

function keyOf({ type, priority }: Pick<Delivered, 'type' | 'priority'>): string {
  return `${type} ${priority}`;
}
