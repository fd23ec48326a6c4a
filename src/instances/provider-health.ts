/** How providers fare: what the chart of the breaker makes of their answers, stored for all workers of the queue. */
import { decodeBreaker, encodeBreaker } from '../../machines/breaker.js';
import {
  type BreakerEvent,
  type BreakerPolicy,
  type BreakerSnapshot,
  HEALTHY,
  providerBreakerAfter,
} from '../../machines/index.js';
import { answeredWithin } from '../broker/answered-within.js';
import type { Broker } from '../broker/broker.js';
import { TurnComesLater } from '../gpu/api/call-turns.js';
import { ProviderError, type ProviderErrorClass } from '../gpu/provider-error.js';
import { beginningOf } from '../jobs/excerpt.js';
import { SharedValues } from '../queue/shared-values.js';
import { Alerts } from '../telemetry/alerts.js';
import type { Logger } from '../telemetry/logger.js';
import { providerHealthSubject } from '../wire/provider-subjects.js';
import { ANY } from '../wire/subjects.js';

/** In place of a region: what all regions of a provider share, such as its lists. */
export const ALL_REGIONS = 'all';
/** After these the provider itself did not answer, or not clearly; after any other it did. */
const FAILURES: readonly ProviderErrorClass[] = ['transient', 'ambiguous'];
const MAX_TEXT = 300;
/** No call of a provider waits longer for the broker. */
const ANSWER_WITHIN_MS = 2_000;

/** What is stored of a provider and region. */
interface StoredHealth extends BreakerSnapshot {
  provider: string;
  region: string;
}

/** How a provider fares, or one of its regions. Times are ISO 8601. */
export interface ShownProvider {
  provider: string;
  /** `all` for what all regions share. */
  region: string;
  /** closed: its offers are used; open: it rests; halfOpen: one job tries it. */
  state: 'closed' | 'open' | 'halfOpen';
  /** In a row. */
  failures: number;
  failingSince?: string;
  lastFailureAt?: string;
  error?: string;
  openUntil?: string;
}

/** Whether something may be tried, and where not, in how many milliseconds to ask again. */
export type Admission = { isAllowed: true } | { isAllowed: false; inMs: number };

export interface ProviderHealthOptions {
  broker: () => Promise<Broker>;
  logger: Logger;
  policy?: BreakerPolicy;
}

function storeOf(broker: Broker): SharedValues<StoredHealth> {
  return new SharedValues({
    broker,
    kind: 'providers',
    encode: encodeBreaker,
    decode: (data) => {
      const { provider, region, ...health } = decodeBreaker(data) as Partial<StoredHealth> & BreakerSnapshot;
      return { ...health, provider: provider ?? '', region: region ?? '' };
    },
    none: { ...HEALTHY, provider: '', region: '' },
  });
}

/** All that have failed lately, by provider and region. */
export async function listProviders(broker: Broker): Promise<ShownProvider[]> {
  const stored = await storeOf(broker).all(providerHealthSubject(broker.subjects, ANY, ANY));
  const named = stored.map(({ value }) => value).filter(({ provider }) => provider !== '');
  return named
    .map(shown)
    .sort((a, b) => a.provider.localeCompare(b.provider) || a.region.localeCompare(b.region));
}

function shown(health: StoredHealth): ShownProvider {
  const { provider, region, state, failures, failingSince, lastFailureAt, error, openUntilMs } = health;
  return {
    provider,
    region,
    state: state === 'disabled' ? 'open' : state,
    failures,
    ...(failingSince !== undefined && { failingSince }),
    ...(lastFailureAt !== undefined && { lastFailureAt }),
    ...(error !== undefined && { error }),
    ...(openUntilMs !== undefined && { openUntil: new Date(openUntilMs).toISOString() }),
  };
}

/** How providers fare, as a worker notes it and goes by it. Neither keeps a call from being made where the broker does not answer. */
export class ProviderHealth {
  readonly #options: ProviderHealthOptions;
  readonly #alerts: Alerts;
  #store: SharedValues<StoredHealth> | undefined;

  constructor(options: ProviderHealthOptions) {
    this.#options = options;
    this.#alerts = new Alerts(options.logger);
  }

  /** Runs a call, and notes how it ended. What a call says of a region, where it is of one, it says of no other. */
  async noted<T>(provider: string, region: string | undefined, call: () => Promise<T>): Promise<T> {
    const place = region ?? ALL_REGIONS;
    try {
      const answer = await call();
      await this.#succeeded(provider, place);
      return answer;
    } catch (error) {
      if (error instanceof ProviderError && !(error instanceof TurnComesLater)) {
        if (FAILURES.includes(error.class)) await this.#failed(provider, place, error.message);
        else await this.#succeeded(provider, place);
      }
      throw error;
    }
  }

  /** Whether an offer of this place is to be considered: not while it rests. Nothing is changed. */
  async isUsable(provider: string, region: string): Promise<boolean> {
    const { state, openUntilMs = 0 } = await this.#recent(provider, region);
    return state !== 'open' || openUntilMs <= (await this.#now());
  }

  /** Whether this call may be made. Of those that ask when a rest is over, one may. */
  async admits(provider: string, region: string): Promise<Admission> {
    try {
      const { state } = await this.#recent(provider, region);
      if (state === 'closed') return { isAllowed: true };
      const { after, isChanged } = await this.#step(provider, region, (at) => ({ type: 'PROBE', at }));
      if (isChanged || after.state === 'closed') return { isAllowed: true };
      const { openUntilMs = 0, probeUntilMs = openUntilMs } = after;
      return { isAllowed: false, inMs: Math.max(probeUntilMs - (await this.#now()), 1_000) };
    } catch (err) {
      this.#options.logger.debug({ err, provider, region }, 'how a provider fares is not known');
      return { isAllowed: true };
    }
  }

  /** A success costs nothing where nothing has failed lately. */
  async #succeeded(provider: string, region: string): Promise<void> {
    const { state, failures } = await this.#recent(provider, region);
    if (state === 'closed' && failures === 0) return;
    await this.#note(provider, region, (at) => ({ type: 'SUCCEEDED', at }));
  }

  async #failed(provider: string, region: string, message: string): Promise<void> {
    // One that rests, whose polls go on, has nothing new to say.
    if ((await this.#recent(provider, region)).state === 'open') return;
    const error = beginningOf(message, MAX_TEXT);
    await this.#note(provider, region, (at) => ({ type: 'FAILED', at, error }));
  }

  async #note(provider: string, region: string, eventAt: (at: string) => BreakerEvent): Promise<void> {
    try {
      const { before, after } = await this.#step(provider, region, eventAt);
      if (before.state !== after.state) this.#tell(before, after);
    } catch (err) {
      this.#options.logger.debug({ err, provider, region }, 'how a provider fares cannot be noted');
    }
  }

  /** Stores where an event leads the breaker. */
  async #step(provider: string, region: string, eventAt: (at: string) => BreakerEvent) {
    const { subjects } = await this.#options.broker();
    const store = await this.#values();
    const event = eventAt(new Date(await this.#now()).toISOString());
    return answeredWithin(ANSWER_WITHIN_MS, () =>
      store.change(providerHealthSubject(subjects, provider, region), (before) => {
        const { snapshot, accepted } = providerBreakerAfter(before, event, this.#options.policy);
        return accepted ? { ...snapshot, provider, region } : undefined;
      }),
    );
  }

  #tell(before: BreakerSnapshot, { provider, region, state, error, openUntilMs = 0 }: StoredHealth): void {
    const place = region === ALL_REGIONS ? provider : `${provider} ${region}`;
    if (state === 'open' && before.state === 'closed') {
      const until = new Date(openUntilMs).toISOString();
      const message = `${place} does not answer, and is passed over until ${until}: ${error}`;
      this.#alerts.raise({ kind: 'provider_down', jobId: place, message });
    } else if (state === 'closed')
      this.#options.logger.info({ provider, region }, 'a provider answers again');
  }

  /** What cannot be read counts as healthy. */
  async #recent(provider: string, region: string): Promise<BreakerSnapshot> {
    const read = async () => {
      const { subjects } = await this.#options.broker();
      return (await this.#values()).recent(providerHealthSubject(subjects, provider, region));
    };
    const none = { value: HEALTHY };
    return (await answeredWithin(ANSWER_WITHIN_MS, read).catch(() => none)).value;
  }

  async #values(): Promise<SharedValues<StoredHealth>> {
    this.#store ??= storeOf(await this.#options.broker());
    return this.#store;
  }

  async #now(): Promise<number> {
    return (await this.#options.broker()).clock.now();
  }
}
