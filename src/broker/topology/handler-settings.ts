import type { ConsumerInfo } from '@nats-io/jetstream';
import { MAX_MAX_ATTEMPTS } from '../../jobs/limits.js';
import type { Subjects } from '../../wire/subjects.js';
import type { Topology } from './topology.js';

/** What a worker says of its handler on the consumers of its type, for whoever looks at jobs that wait. */
const MAX_ATTEMPTS = 'jetfleet.max_attempts';
/** How long what was read is believed. */
const FRESH_MS = 5_000;

/** Settings of handlers, as their workers left them at the broker. */
export class HandlerSettings {
  readonly #topology: Topology;
  readonly #subjects: Subjects;
  #attempts: ReadonlyMap<string, number> = new Map();
  #reading: Promise<void> | undefined;
  #staleMs = Number.NEGATIVE_INFINITY;

  constructor(topology: Topology, subjects: Subjects) {
    this.#topology = topology;
    this.#subjects = subjects;
  }

  /** How often a job of a type is attempted that does not say so itself; undefined for a type that no worker has told. */
  maxAttempts(type: string): number | undefined {
    return this.#attempts.get(type);
  }

  /** Reads them, unless that was done a moment ago. Who may not read them goes without. Never rejects. */
  async know(): Promise<void> {
    if (performance.now() < this.#staleMs) return;
    this.#reading ??= this.#read()
      .catch(() => {})
      .finally(() => {
        this.#reading = undefined;
        this.#staleMs = performance.now() + FRESH_MS;
      });
    await this.#reading;
  }

  /** Tells them, where they are not told already. */
  async tell(settings: ReadonlyMap<string, number>): Promise<void> {
    await this.#read();
    const news = [...settings].filter(([type, maxAttempts]) => this.#attempts.get(type) !== maxAttempts);
    await Promise.all(
      news.map(([type, maxAttempts]) => {
        const name = this.#subjects.consumerName(type, 'normal');
        return this.#topology.describeConsumer('jobs', name, MAX_ATTEMPTS, `${maxAttempts}`);
      }),
    );
  }

  async #read(): Promise<void> {
    const found = (await this.#topology.consumers('jobs')).flatMap((info) => this.#settingOf(info));
    this.#attempts = new Map(found);
  }

  #settingOf({ name, config }: ConsumerInfo): [string, number][] {
    const type = this.#subjects.parseConsumer(name)?.type;
    const attempts = Number(config.metadata?.[MAX_ATTEMPTS]);
    const isOne = Number.isInteger(attempts) && attempts >= 1 && attempts <= MAX_MAX_ATTEMPTS;
    return type !== undefined && isOne ? [[type, attempts]] : [];
  }
}
