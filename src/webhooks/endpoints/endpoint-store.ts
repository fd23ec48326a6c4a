/** ENDPOINTS: the endpoints, and how each fares. A change is a compare-and-set on the message before. */
import { HEALTHY } from '../../../machines/index.js';
import type { Broker } from '../../broker/broker.js';
import { JetfleetError } from '../../jobs/errors.js';
import { RecentReads } from '../../queue/recent-reads.js';
import { SharedValues, type Versioned } from '../../queue/shared-values.js';
import { endpointSubject, healthSubject } from '../../wire/endpoint-subjects.js';
import { ANY } from '../../wire/subjects.js';
import { CLOCK_SLACK_MS, decodeEndpoint, type StoredEndpoint } from './endpoint.js';
import { KnownEndpoints } from './known-endpoints.js';
import { hasReplicas, leaderLast, upToLeader } from './leader-read.js';
import { decodeHealth, encodeHealth, type StoredHealth } from './stored-health.js';

const PAGE = 200;

export class EndpointStore {
  readonly #broker: Broker;
  readonly #health: SharedValues<StoredHealth>;
  readonly #recent = new RecentReads<Versioned<StoredEndpoint>>();
  readonly #known = new KnownEndpoints({
    all: () =>
      upToLeader(
        this.#broker,
        endpointSubject(this.#broker.subjects, ANY),
        () => this.#all(),
        ({ seq }) => seq,
      ),
    lastSeq: async () => (await this.#latest(endpointSubject(this.#broker.subjects, ANY)))?.seq ?? 0,
  });

  constructor(broker: Broker) {
    this.#broker = broker;
    this.#health = new SharedValues({
      ...{ broker, kind: 'endpoints', encode: encodeHealth, decode: decodeHealth, none: HEALTHY },
    });
  }

  get broker(): Broker {
    return this.#broker;
  }

  /** Whether there ever was an endpoint. */
  isUsed(): Promise<boolean> {
    return this.#broker.topology.hasStream('endpoints');
  }

  /** All endpoints, by id. */
  async all(): Promise<StoredEndpoint[]> {
    return (await this.#all()).endpoints;
  }

  /**
   * The same as a worker remembers them.
   * @param atMs when that has happened which they are to be told of: an endpoint that was added before is among them
   */
  recentAll(atMs: number): Promise<StoredEndpoint[]> {
    return this.#known.all(this.#broker.clock.now() - atMs - CLOCK_SLACK_MS);
  }

  async #all(): Promise<{ endpoints: StoredEndpoint[]; seq: number }> {
    const filter = endpointSubject(this.#broker.subjects, ANY);
    const none = { endpoints: [], seq: 0 };
    const found = await this.#broker.extra
      .of('endpoints')
      .find<{ endpoints: StoredEndpoint[]; seq: number }>(none, async (read, stream) => {
        const endpoints: StoredEndpoint[] = [];
        let last = 0;
        for await (const { data, seq } of read.walk(stream, filter, 1, PAGE)) {
          const endpoint = decodeEndpoint(data);
          if (endpoint) endpoints.push(endpoint);
          last = seq;
        }
        return { endpoints, seq: last };
      });
    found.endpoints.sort((a, b) => a.id.localeCompare(b.id));
    return found;
  }

  /** @throws JetfleetError `JETFLEET_NOT_FOUND` */
  async endpoint(id: string): Promise<Versioned<StoredEndpoint>> {
    const subject = endpointSubject(this.#broker.subjects, id);
    // A replica that has none may be behind.
    const message = (await this.#last(subject)) ?? (await this.#latest(subject));
    const value = message && decodeEndpoint(message.data);
    if (!value) throw new JetfleetError('JETFLEET_NOT_FOUND', `there is no endpoint ${JSON.stringify(id)}`);
    return { value, seq: message.seq };
  }

  recentEndpoint(id: string): Promise<Versioned<StoredEndpoint>> {
    return this.#recent.get(id, () => this.endpoint(id));
  }

  health(id: string): Promise<Versioned<StoredHealth>> {
    return this.#health.read(this.#healthSubject(id));
  }

  /** As the leader has it: who has written something reads then what others wrote before. */
  async latestHealth(id: string): Promise<StoredHealth> {
    const message = await this.#latest(this.#healthSubject(id));
    return message ? decodeHealth(message.data) : HEALTHY;
  }

  /** Of each endpoint that has not fared well, by its id. */
  async healths(): Promise<Map<string, StoredHealth>> {
    const stored = await this.#health.all(healthSubject(this.#broker.subjects, ANY));
    return new Map(
      stored.map(({ subject, value }) => [subject.slice(subject.lastIndexOf('.') + 1), value] as const),
    );
  }

  recentHealth(id: string): Promise<Versioned<StoredHealth>> {
    return this.#health.recent(this.#healthSubject(id));
  }

  /**
   * Stores an endpoint in place of the message with the sequence `seq`, 0 for none.
   * @throws ConflictError when somebody has changed it meanwhile
   */
  async put(endpoint: StoredEndpoint, seq: number): Promise<void> {
    const subject = endpointSubject(this.#broker.subjects, endpoint.id);
    const expect = { filter: subject, lastSeq: seq };
    await this.#broker.extra.of('endpoints').append({ subject, data: JSON.stringify(endpoint), expect });
    this.#forget();
  }

  /**
   * Changes how an endpoint fares, again where somebody else was faster.
   * @param change gives what it is then, or undefined to leave it
   */
  changeHealth(
    id: string,
    change: (before: StoredHealth) => StoredHealth | undefined,
  ): Promise<{ before: StoredHealth; after: StoredHealth; isChanged: boolean }> {
    return this.#health.change(this.#healthSubject(id), change);
  }

  /** Removes an endpoint, and what is known of it. */
  async remove(id: string): Promise<void> {
    await this.#purge(endpointSubject(this.#broker.subjects, id));
    await this.forgetHealth(id);
  }

  async forgetHealth(id: string): Promise<void> {
    await this.#purge(this.#healthSubject(id));
  }

  async #purge(subject: string): Promise<void> {
    await this.#broker.topology.purge('endpoints', subject);
    this.#forget();
  }

  #healthSubject(id: string): string {
    return healthSubject(this.#broker.subjects, id);
  }

  #last(subject: string) {
    return this.#broker.extra.of('endpoints').find(undefined, (read, stream) => read.last(stream, subject));
  }

  #latest(subject: string) {
    return hasReplicas(this.#broker) ? leaderLast(this.#broker, subject) : this.#last(subject);
  }

  #forget(): void {
    this.#recent.clear();
    this.#health.forget();
    this.#known.forget();
  }
}
