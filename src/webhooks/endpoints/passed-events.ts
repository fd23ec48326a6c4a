/**
 * Up to which end of a job the turns of all webhooks are taken. As a rule whoever passes an end on takes them. Where one is not passed on,
 * since the worker that has it died or its webhooks cannot be stored, its turns are taken here: then it delays the webhooks of its own
 * instance and endpoint, and no others.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { AtOnce } from '../../broker/at-once.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import { inParts } from '../../jobs/in-parts.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { findJob } from '../../queue/job-lookup.js';
import { ANY } from '../../wire/subjects.js';
import { sendWebhook } from '../jobs.js';
import type { EndpointStore } from './endpoint-store.js';
import { webhooksAbout } from './event-webhooks.js';
import { againWhileBehind } from './leader-read.js';
import type { Turn } from './turn.js';

/** The durable consumer of EVENTS that passes them on. */
export const FAN_OUT = 'jetfleet-endpoints';

const SHARED_MS = 5;
/** Those before an event are mostly being passed on at this moment. */
const PAUSE_MS = 50;
const MOST_PAUSES = 5;
/** One that so many events have come after counts as passed on. */
const MOST_READ = 100_000;
/** What is known is asked for again after this: EVENTS may have been created anew. */
const KNOWN_MS = 10_000;
const PAGE = 200;
const READS_AT_ONCE = 32;

export class PassedEvents {
  readonly #store: EndpointStore;
  readonly #take: (turn: Turn) => Promise<void>;
  #upTo = 0;
  #askedMs = Number.NEGATIVE_INFINITY;
  /** When the consumer was created: another one is of another EVENTS. */
  #createdAt = '';
  /** Where its acknowledgements have stood still for a while. */
  #stuckAt = -1;
  #asking: Promise<number | undefined> | undefined;
  /** One after the other: what one has read the next one need not. */
  readonly #taking = new AtOnce(1);

  /** @param take takes the place of a webhook whose job is yet to be added */
  constructor(store: EndpointStore, take: (turn: Turn) => Promise<void>) {
    this.#store = store;
    this.#take = take;
  }

  /** The sequence up to which all turns are taken, as far as is known here. */
  get upTo(): number {
    return performance.now() - this.#askedMs < KNOWN_MS ? this.#upTo : 0;
  }

  /** Resolves once the turns of all webhooks are taken that are about an event up to this one. */
  async reach(seq: number): Promise<void> {
    if (seq <= this.upTo) return;
    let floor = await this.#floor();
    for (let pauses = 0; floor !== undefined && seq > this.#upTo; pauses++) {
      if (floor === this.#stuckAt || pauses === MOST_PAUSES) {
        this.#stuckAt = floor;
        return this.#taking.run(() => this.#takeMissing(seq));
      }
      await delay(PAUSE_MS);
      floor = await this.#floor();
    }
  }

  /** Up to which event all are acknowledged; undefined where the consumer is gone, and nobody passes any on. Several that ask share one question. */
  #floor(): Promise<number | undefined> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<number | undefined> {
    await delay(SHARED_MS);
    const consumer = await this.#store.broker.topology.consumer('events', FAN_OUT);
    if (!consumer) return undefined;
    if (consumer.created !== this.#createdAt) this.#upTo = 0;
    this.#createdAt = consumer.created;
    this.#askedMs = performance.now();
    this.#upTo = Math.max(this.#upTo, consumer.ack_floor.stream_seq);
    return consumer.ack_floor.stream_seq;
  }

  async #takeMissing(upTo: number): Promise<void> {
    const { read, subjects, connection } = this.#store.broker;
    const stream = subjects.streamName('events');
    const filter = subjects.event(ANY, ANY, ANY);
    const from = () => Math.max(this.#upTo + 1, upTo - MOST_READ);
    await againWhileBehind({ connection }, async () => {
      for await (const messages of read.batches(stream, filter, from(), PAGE, upTo)) {
        await inParts(messages, READS_AT_ONCE, (message) => this.#takeFor(message));
        this.#upTo = Math.max(this.#upTo, messages.at(-1)?.seq ?? 0);
      }
      return this.#upTo >= upTo;
    });
  }

  async #takeFor(message: StoredMessage): Promise<void> {
    const { broker } = this.#store;
    const { type, status } = broker.subjects.parseEvent(message.subject) ?? {};
    if (status === undefined || !isTerminal(status) || type === sendWebhook.type) return;
    const record = broker.recordOf(message);
    if (!record) return;
    for (const { turn } of await webhooksAbout(record, message.seq, this.#store)) {
      // A job that exists has had its turn before.
      if (turn && !(await findJob(broker, turn.jobId))) await this.#take(turn);
    }
  }
}
