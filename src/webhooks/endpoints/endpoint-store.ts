/** ENDPOINTS: the endpoints, and how each fares. A change is a compare-and-set on the message before. */
import { type BreakerSnapshot, HEALTHY } from '../../../machines/index.js';
import type { Broker } from '../../broker/broker.js';
import { ConflictError, JetfleetError } from '../../jobs/errors.js';
import { forgetOldest } from '../../jobs/forget-oldest.js';
import { endpointSubject, healthSubject } from '../../wire/endpoint-subjects.js';
import { ANY } from '../../wire/subjects.js';
import { decodeEndpoint, type StoredEndpoint } from './endpoint.js';

/** A value with the sequence of its message; 0 for none. */
export interface Versioned<T> {
  value: T;
  seq: number;
}

/** What a worker remembers is at most so old. What it decides for long is read again. */
const FRESH_MS = 1_000;
/** The clocks of two workers differ by less. */
const CLOCK_SLACK_MS = 100;
const MOST_REMEMBERED = 1_000;
const MOST_TRIES = 50;
const PAGE = 200;
const decoder = new TextDecoder();

export class EndpointStore {
  readonly #broker: Broker;
  readonly #remembered = new Map<string, { at: number; read: Promise<unknown> }>();

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  get broker(): Broker {
    return this.#broker;
  }

  /** Whether there ever was an endpoint. */
  isUsed(): Promise<boolean> {
    return this.#broker.topology.hasExtra('endpoints');
  }

  /** All endpoints, by id. */
  async all(): Promise<StoredEndpoint[]> {
    const found = await this.#broker.extra
      .of('endpoints')
      .find<StoredEndpoint[]>([], async (read, stream) => {
        const endpoints: StoredEndpoint[] = [];
        const filter = endpointSubject(this.#broker.subjects, ANY);
        for await (const { data } of read.walk(stream, filter, 1, PAGE)) {
          const endpoint = decodeEndpoint(data);
          if (endpoint) endpoints.push(endpoint);
        }
        return endpoints;
      });
    return found.sort((a, b) => a.id.localeCompare(b.id));
  }

  /**
   * The same as a worker remembers them.
   * @param atMs when that has happened which they are to be told of: an endpoint that was added before is among them
   */
  recentAll(atMs: number): Promise<StoredEndpoint[]> {
    const maxAgeMs = Math.min(FRESH_MS, this.#broker.clock.now() - atMs - CLOCK_SLACK_MS);
    return this.#recent('all', () => this.all(), maxAgeMs);
  }

  /** @throws JetfleetError `JETFLEET_NOT_FOUND` */
  async endpoint(id: string): Promise<Versioned<StoredEndpoint>> {
    const message = await this.#last(endpointSubject(this.#broker.subjects, id));
    const value = message && decodeEndpoint(message.data);
    if (!value) throw new JetfleetError('JETFLEET_NOT_FOUND', `there is no endpoint ${JSON.stringify(id)}`);
    return { value, seq: message.seq };
  }

  recentEndpoint(id: string): Promise<Versioned<StoredEndpoint>> {
    return this.#recent(`endpoint ${id}`, () => this.endpoint(id));
  }

  async health(id: string): Promise<Versioned<BreakerSnapshot>> {
    const message = await this.#last(healthSubject(this.#broker.subjects, id));
    return message ? { value: decodeHealth(message.data), seq: message.seq } : { value: HEALTHY, seq: 0 };
  }

  recentHealth(id: string): Promise<Versioned<BreakerSnapshot>> {
    return this.#recent(`health ${id}`, () => this.health(id));
  }

  /**
   * Stores an endpoint in place of the message with the sequence `seq`, 0 for none.
   * @throws ConflictError when somebody has changed it meanwhile
   */
  async put(endpoint: StoredEndpoint, seq: number): Promise<void> {
    const subject = endpointSubject(this.#broker.subjects, endpoint.id);
    await this.#write(subject, JSON.stringify(endpoint), seq);
    this.#remembered.clear();
  }

  /**
   * Changes how an endpoint fares, again where somebody else was faster.
   * @param change gives what it is then, or undefined to leave it
   */
  async changeHealth(
    id: string,
    change: (before: BreakerSnapshot) => BreakerSnapshot | undefined,
  ): Promise<{ before: BreakerSnapshot; after: BreakerSnapshot; isChanged: boolean }> {
    const subject = healthSubject(this.#broker.subjects, id);
    for (let tries = 1; ; tries++) {
      const { value: before, seq } = await this.health(id);
      const after = change(before);
      if (!after) return { before, after: before, isChanged: false };
      try {
        const written = await this.#write(subject, JSON.stringify({ v: 1, ...after }), seq);
        this.#remember(`health ${id}`, Promise.resolve({ value: after, seq: written }));
        return { before, after, isChanged: true };
      } catch (error) {
        if (!(error instanceof ConflictError) || tries >= MOST_TRIES) throw error;
      }
    }
  }

  /** Removes an endpoint, and what is known of it. */
  async remove(id: string): Promise<void> {
    const { subjects, topology } = this.#broker;
    await topology.purge('endpoints', endpointSubject(subjects, id));
    await topology.purge('endpoints', healthSubject(subjects, id));
    this.#remembered.clear();
  }

  #last(subject: string) {
    return this.#broker.extra.of('endpoints').find(undefined, (read, stream) => read.last(stream, subject));
  }

  async #write(subject: string, data: string, lastSeq: number): Promise<number> {
    const stream = this.#broker.extra.of('endpoints');
    await stream.open();
    try {
      return (await stream.log.append({ subject, data, expect: { filter: subject, lastSeq } })).seq;
    } catch (error) {
      // The stream may be gone.
      if (!(error instanceof ConflictError)) stream.doubt();
      throw error;
    }
  }

  #recent<T>(name: string, read: () => Promise<T>, maxAgeMs = FRESH_MS): Promise<T> {
    const known = this.#remembered.get(name);
    if (known && performance.now() - known.at < maxAgeMs) return known.read as Promise<T>;
    const reading = read();
    this.#remember(name, reading);
    reading.catch(() => this.#remembered.delete(name));
    return reading;
  }

  #remember(name: string, read: Promise<unknown>): void {
    this.#remembered.delete(name);
    this.#remembered.set(name, { at: performance.now(), read });
    forgetOldest(this.#remembered, MOST_REMEMBERED);
  }
}

const STATES: ReadonlySet<unknown> = new Set(['closed', 'open', 'halfOpen', 'disabled']);

/** What cannot be read counts as healthy: the next failures tell. */
function decodeHealth(data: Uint8Array): BreakerSnapshot {
  try {
    const { v, ...health } = JSON.parse(decoder.decode(data)) as BreakerSnapshot & { v: number };
    const isWhole =
      v === 1 &&
      STATES.has(health.state) &&
      Number.isInteger(health.failures) &&
      Number.isInteger(health.rests);
    return isWhole ? health : HEALTHY;
  } catch {
    return HEALTHY;
  }
}
