import { answeredWithin } from '../broker/answered-within.js';
import type { Broker } from '../broker/broker.js';
import type { GpuProvider, Offer, OfferQuery } from '../gpu/provider.js';
import { SharedValues } from '../queue/shared-values.js';
import { offerPollSubject } from '../wire/provider-subjects.js';

/** When a provider was asked last for what jobs wait for, and whether it had none. */
interface OfferPoll {
  /** By the clock of the broker. */
  askedAtMs: number;
  hasNone: boolean;
}

const NEVER: OfferPoll = { askedAtMs: 0, hasNone: false };
/** No job waits longer for the broker: it asks the provider itself. */
const ANSWER_WITHIN_MS = 2_000;
/** What nobody waits for any more is forgotten. */
const LIFETIME_SECONDS = 24 * 60 * 60;
const decoder = new TextDecoder();

/**
 * The polls of jobs that wait for capacity: of all jobs that wait for the same, in all workers, one asks the provider in a time, and the others
 * take its answer that there is none. Once there is something, each asks for itself.
 */
export class OfferPolls {
  readonly #broker: () => Promise<Broker>;
  readonly #freshMs: number;
  #store: SharedValues<OfferPoll> | undefined;

  /** @param freshMs how long the answer that there is none counts */
  constructor(broker: () => Promise<Broker>, freshMs: number) {
    this.#broker = broker;
    this.#freshMs = freshMs;
  }

  /** The offers of a provider, none where another job has been told so just now. */
  async offers(provider: GpuProvider, query: OfferQuery, signal: AbortSignal): Promise<Offer[]> {
    const id = JSON.stringify([provider.name, ...Object.entries(query).sort(([a], [b]) => (a < b ? -1 : 1))]);
    if (!(await this.#mayAsk(provider.name, id))) return [];
    const offers = await provider.listOffers(query, signal);
    if (offers.length > 0) await this.#note(provider.name, id, () => ({ ...NEVER }));
    return offers;
  }

  async #mayAsk(provider: string, id: string): Promise<boolean> {
    const nowMs = (await this.#broker()).clock.now();
    const { before, isChanged } = await this.#note(provider, id, ({ askedAtMs, hasNone }) => {
      const isFresh = hasNone && nowMs - askedAtMs < this.#freshMs && askedAtMs <= nowMs;
      return isFresh ? undefined : { askedAtMs: nowMs, hasNone: true };
    });
    return isChanged || !before.hasNone;
  }

  /** Where the broker does not answer, each job asks for itself. */
  async #note(
    provider: string,
    id: string,
    change: (before: OfferPoll) => OfferPoll | undefined,
  ): Promise<{ before: OfferPoll; isChanged: boolean }> {
    const changed = answeredWithin(ANSWER_WITHIN_MS, async () => {
      const { subjects } = await this.#broker();
      return (await this.#values()).change(offerPollSubject(subjects, provider, id), change);
    });
    return changed.catch(() => ({ before: NEVER, isChanged: true }));
  }

  async #values(): Promise<SharedValues<OfferPoll>> {
    const broker = await this.#broker();
    this.#store ??= new SharedValues({
      broker,
      kind: 'providers',
      encode: (poll) => JSON.stringify({ v: 1, ...poll }),
      decode: decodePoll,
      none: NEVER,
      lifetimeSeconds: LIFETIME_SECONDS,
    });
    return this.#store;
  }
}

function decodePoll(data: Uint8Array): OfferPoll {
  try {
    const { askedAtMs, hasNone } = JSON.parse(decoder.decode(data)) as Partial<OfferPoll>;
    return Number.isFinite(askedAtMs) ? { askedAtMs: askedAtMs as number, hasNone: hasNone === true } : NEVER;
  } catch {
    return NEVER;
  }
}
