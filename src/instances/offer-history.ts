import { AtOnce } from '../broker/at-once.js';
import type { Broker } from '../broker/broker.js';
import type { Offer } from '../gpu/provider.js';
import type { JobRecord } from '../jobs/job-record.js';
import { textField } from '../jobs/text-field.js';
import { ANY } from '../wire/subjects.js';
import { createInstance, monitorInstance } from './jobs.js';

/** How long an offer that refused is tried after all others. */
export const DEFAULT_AVOID_MS = 300_000;
/** How old a time may be that a worker reads which has just started. */
const LOOK_BACK_MS = 24 * 60 * 60_000;
/** Most events that one reading takes in: the next one goes on from there. */
const MAX_EVENTS = 50_000;
/** Of creates and of monitors, the newest that a worker reads for times. */
const MAX_PAST = 2_000;
const PAGE = 500;
/** So many times of one offer make its median. */
const MAX_TIMES = 21;
const MAX_OFFERS = 10_000;

/** An offer as history knows it: the same machine type at the same place and in the same billing mode. */
export function offerKey({ provider, region, productId, billingMode }: Offer): string {
  return [provider ?? '', region, productId, billingMode].join('/');
}

/** An offer that refused, as it stands in the checkpoint of the job. */
export interface Refusal {
  offer: string;
  /** ISO 8601. */
  at: string;
  code: string;
  message: string;
}

/** What a create announces before it is sent, as far as offers go. */
export interface AnnouncedOffer {
  offer: string;
  /** Those that refused this job before, the latest last. */
  refusals?: Refusal[];
}

/** Of an error with one of these the offer is to blame, or its provider. */
const REFUSED: ReadonlySet<string> = new Set([
  'JETFLEET_PROVIDER_CAPACITY',
  'JETFLEET_PROVIDER_QUOTA',
  'JETFLEET_PROVIDER_BALANCE',
]);

/**
 * What became of offers in the whole fleet, as the events of its jobs tell: which refused lately, and how long instances took to run.
 * Each worker reads on from where it was, so that nothing is written for it.
 */
export class OfferHistory {
  readonly #broker: () => Promise<Broker>;
  readonly #avoidMs: number;
  readonly #turns = new AtOnce(1);
  readonly #next = new Map<string, number>();
  /** When each offer refused last, in ms since the epoch. */
  readonly #refusedAt = new Map<string, number>();
  /** The offer that a create job announced last, until its monitor ends. */
  readonly #offerOf = new Map<string, string>();
  readonly #times = new Map<string, number[]>();
  #nowMs = 0;
  /** Where this worker has begun to read on. */
  #start: number | undefined;
  #hasPast = false;

  constructor(broker: () => Promise<Broker>, avoidMs = DEFAULT_AVOID_MS) {
    this.#broker = broker;
    this.#avoidMs = avoidMs;
  }

  /**
   * Reads what is new. A worker that has just started begins where refusals still count, and reads the newest of what has ended before where
   * the times of a day are asked for.
   * @throws BrokerError
   */
  readOn({ withTimes = false }: { withTimes?: boolean } = {}): Promise<OfferHistory> {
    return this.#turns.run(async () => {
      const broker = await this.#broker();
      this.#nowMs = broker.clock.now();
      const events = broker.subjects.streamName('events');
      this.#start ??= await broker.read.sequenceAt(events, this.#nowMs - this.#avoidMs);
      if (withTimes && !this.#hasPast) {
        await this.#readPast(broker, this.#start - 1);
        this.#hasPast = true;
      }
      await this.#walk(broker, broker.subjects.event(createInstance.type, ANY, ANY), (job) =>
        this.#noteCreate(job),
      );
      const monitored = broker.subjects.event(monitorInstance.type, 'completed', ANY);
      await this.#walk(broker, monitored, (job) => this.#noteMonitor(job));
      for (const [offer, at] of this.#refusedAt) {
        if (this.#nowMs - at >= this.#avoidMs) this.#refusedAt.delete(offer);
      }
      return this;
    });
  }

  hasRefused(offer: string): boolean {
    return this.#refusedAt.has(offer);
  }

  /** Median of the latest times from create to running, in milliseconds; undefined where none was measured. */
  startMs(offer: string): number | undefined {
    const times = this.#times.get(offer);
    return times && [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)];
  }

  async #walk(broker: Broker, filter: string, note: (job: JobRecord) => void): Promise<void> {
    const { subjects, read } = broker;
    const stream = subjects.streamName('events');
    const from = this.#next.get(filter) ?? this.#start ?? 1;
    this.#next.set(filter, from);
    let taken = 0;
    for await (const message of read.walk(stream, filter, from, PAGE)) {
      const job = broker.recordOf(message);
      if (job) note(job);
      this.#next.set(filter, message.seq + 1);
      if (++taken >= MAX_EVENTS) return;
    }
  }

  /** Oldest first, as it came about: the offers of creates, then how long their instances took. */
  async #readPast(broker: Broker, before: number): Promise<void> {
    const { subjects, read } = broker;
    const stream = subjects.streamName('events');
    const newest = async (type: string) => {
      const filter = subjects.event(type, 'completed', ANY);
      const found = await read.pageBefore(stream, filter, before, MAX_PAST);
      const records = found.reverse().flatMap((message) => broker.recordOf(message) ?? []);
      return records.filter(({ updatedAt }) => this.#nowMs - Date.parse(updatedAt) < LOOK_BACK_MS);
    };
    for (const job of await newest(createInstance.type)) this.#noteCreate(job);
    for (const job of await newest(monitorInstance.type)) this.#noteMonitor(job);
  }

  #noteCreate(job: JobRecord): void {
    const { offer, refusals = [] } = (job.checkpoint ?? {}) as Partial<AnnouncedOffer>;
    for (const each of Array.isArray(refusals) ? refusals : []) {
      if (REFUSED.has(each?.code)) this.#noteRefusal(each.offer, each.at);
    }
    if (typeof offer !== 'string') return;
    keep(this.#offerOf, job.id, offer);
    if (job.status !== 'processing' && REFUSED.has(job.error?.code ?? '')) {
      this.#noteRefusal(offer, job.updatedAt);
    }
  }

  #noteMonitor({ id, parentId, result, updatedAt }: JobRecord): void {
    const offer = this.#offerOf.get(parentId ?? '') ?? this.#offerOf.get(id.replace(/-monitor$/, ''));
    if (offer === undefined) return;
    const { elapsedTime } = (result ?? {}) as { elapsedTime?: unknown };
    if (textField(result, 'status') === 'replaced') this.#noteRefusal(offer, updatedAt);
    else if (typeof elapsedTime === 'number') {
      keep(this.#times, offer, [...(this.#times.get(offer) ?? []), elapsedTime].slice(-MAX_TIMES));
    }
  }

  #noteRefusal(offer: unknown, at: string | undefined): void {
    const ms = Date.parse(at ?? '');
    if (typeof offer !== 'string' || Number.isNaN(ms)) return;
    // A clock that is ahead must not keep an offer away for longer.
    const atMs = Math.min(ms, this.#nowMs);
    if (this.#nowMs - atMs < this.#avoidMs) {
      keep(this.#refusedAt, offer, Math.max(atMs, this.#refusedAt.get(offer) ?? 0));
    }
  }
}

/** The latest at the end, the oldest dropped. */
function keep<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > MAX_OFFERS) map.delete(map.keys().next().value as string);
}
