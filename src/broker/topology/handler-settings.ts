import { isDeepStrictEqual } from 'node:util';
import { MAX_MAX_ATTEMPTS } from '../../jobs/limits.js';
import { decodeRetention, type Retention } from '../../jobs/retention.js';
import type { Subjects } from '../../wire/subjects.js';
import type { Topology } from './topology.js';

/** What a worker says of its handler on the consumers of its type, for processes that do not know the type. */
const MAX_ATTEMPTS = 'jetfleet.max_attempts';
const AFTER = 'jetfleet.after';
const RETENTION = 'jetfleet.retention';
/** For workers of other languages, which do not take jobs of a type with limits. */
const LIMITS = 'jetfleet.limits';
/** So old, settings are read again; so old, that read is waited for. */
const FRESH_MS = 5_000;
const STALE_MS = 60_000;

export interface HandlerSetting {
  /** How often a job is attempted that does not say so itself. */
  maxAttempts: number;
  /** Whether other jobs follow from the end of one, by its type. */
  hasAfter: boolean;
  /** Whether a job needs permits to run. */
  hasLimits: boolean;
  /** What is kept of its ended jobs, see `encodeRetention`. */
  retention?: string;
}

/** Settings of handlers, as their workers left them at the broker. */
export class HandlerSettings {
  readonly #topology: Topology;
  readonly #subjects: Subjects;
  #settings: ReadonlyMap<string, HandlerSetting> = new Map();
  #reading: Promise<void> | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(topology: Topology, subjects: Subjects) {
    this.#topology = topology;
    this.#subjects = subjects;
  }

  /** How often a job of a type is attempted that does not say so itself; undefined for a type that no worker has told. */
  maxAttempts(type: string): number | undefined {
    return this.#settings.get(type)?.maxAttempts;
  }

  /** Whether other jobs follow from the end of one, as the workers of its type say now. */
  async hasAfter(type: string): Promise<boolean> {
    const info = await this.#topology.consumer('jobs', this.#subjects.consumerName(type, 'normal'));
    return info?.config.metadata?.[AFTER] === 'yes';
  }

  /**
   * Reads them, unless that was done a moment ago. Settings of the last minute are given meanwhile. Who may not read them gets none.
   * Never rejects.
   */
  async know(): Promise<void> {
    const ageMs = performance.now() - this.#readAtMs;
    if (ageMs < FRESH_MS) return;
    this.#reading ??= this.#read()
      // They stay as they were.
      .catch(() => {})
      .finally(() => {
        this.#reading = undefined;
        this.#readAtMs = performance.now();
      });
    if (ageMs > STALE_MS) await this.#reading;
  }

  /** What is kept of the ended jobs of each type that says so, as its workers say now. */
  async retention(): Promise<Map<string, Retention>> {
    await this.#read();
    return new Map(
      [...this.#settings].flatMap(([type, { retention: text }]) => {
        const retention = decodeRetention(text);
        return retention ? [[type, retention] as const] : [];
      }),
    );
  }

  /** Tells them, where they are not told already. */
  async tell(settings: ReadonlyMap<string, HandlerSetting>): Promise<void> {
    await this.#read();
    const tellOne = async ([type, setting]: [string, HandlerSetting]) => {
      if (isDeepStrictEqual(this.#settings.get(type), setting)) return;
      const { maxAttempts, hasAfter, hasLimits, retention = '' } = setting;
      const facts = {
        [MAX_ATTEMPTS]: `${maxAttempts}`,
        [AFTER]: hasAfter ? 'yes' : 'no',
        [LIMITS]: hasLimits ? 'yes' : 'no',
        [RETENTION]: retention,
      };
      await this.#topology.describeConsumer('jobs', this.#subjects.consumerName(type, 'normal'), facts);
    };
    await Promise.all([...settings].map(tellOne));
  }

  async #read(): Promise<void> {
    const settings = new Map<string, HandlerSetting>();
    for (const { name, config } of await this.#topology.consumers('jobs')) {
      const metadata = config.metadata ?? {};
      const { [MAX_ATTEMPTS]: text, [AFTER]: after, [LIMITS]: limits, [RETENTION]: retention } = metadata;
      const type = this.#subjects.parseConsumer(name)?.type;
      const maxAttempts = Number(text);
      const isOne = Number.isInteger(maxAttempts) && maxAttempts >= 1 && maxAttempts <= MAX_MAX_ATTEMPTS;
      if (type !== undefined && isOne)
        settings.set(type, {
          maxAttempts,
          hasAfter: after === 'yes',
          hasLimits: limits === 'yes',
          ...(retention && { retention }),
        });
    }
    this.#settings = settings;
  }
}
