import { TurnComesLater } from '../gpu/api/call-turns.js';
import type { BillingMode, GpuProvider, Offer, OfferQuery, Template } from '../gpu/provider.js';
import { ProviderError } from '../gpu/provider-error.js';
import { defined } from '../jobs/defined.js';
import { JetfleetError } from '../jobs/errors.js';
import type { JobContext } from '../worker/job-handler.js';
import { type OfferHistory, offerKey } from './offer-history.js';
import type { OfferPolls } from './offer-polls.js';
import { ALL_REGIONS, type ProviderHealth } from './provider-health.js';
import type { CreateInstancePayload } from './schemas.js';

/** An offer with the key by which it is avoided. */
export type PlacedOffer = Offer & { key: string };

/** What a placement has to do with. */
export interface PlacementServices {
  /** One, or the parts of a combined one. */
  providers: readonly GpuProvider[];
  templateOf: (job: JobContext, provider: GpuProvider) => Promise<Template>;
  history: OfferHistory;
  /** How the providers fare. Defaults to all well. */
  health?: ProviderHealth | undefined;
  /** The polls of jobs that wait for capacity. Defaults to one for each job. */
  polls?: OfferPolls | undefined;
  /** Told why what might have capacity was not asked, beside offers that can be tried. */
  onUnasked?: ((error: unknown) => void) | undefined;
}

/**
 * The offers for a job, the one to be tried first at the beginning: over products, billing modes, regions and providers, no dearer than
 * the highest price, by the policy. What refused lately, to any worker, comes last of those that are equal to the job. Providers and regions that
 * rest are passed over.
 * @throws TurnComesLater where all that is left to wait for rests, or takes no calls now; ProviderError where no provider could be asked that has an offer, one that a retry may mend before any other; `validation` for a job that none can take
 */
export async function placedOffers(
  job: JobContext,
  payload: CreateInstancePayload,
  services: PlacementServices,
): Promise<PlacedOffer[]> {
  const providers = providersFor(payload, services.providers);
  const asked = await Promise.allSettled(
    providers.map((provider) => offersAt(job, payload, provider, services)),
  );
  const failures = asked.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
  job.signal.throwIfAborted();
  const later = failures.find((error) => error instanceof TurnComesLater);
  if (failures.length === providers.length) throw later ?? failures.find(isRetryable) ?? failures[0];
  for (const error of failures) job.log(`a provider made no offers: ${(error as Error).message}`);
  const ranked = asked.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  const { maxPricePerHour = Number.POSITIVE_INFINITY, avoid = [], waitForCapacityUntil } = payload;
  const fitting = ranked.filter(
    ({ offer }) => offer.pricePerHour <= maxPricePerHour && !avoid.includes(offer.key),
  );
  const { usable, resting } = await usableOf(fitting, services);
  // One that could not be asked is not one without capacity. A job that waits for capacity asks again in any case.
  const failed = waitForCapacityUntil === undefined ? failures.find(isRetryable) : undefined;
  const unasked = later ?? resting ?? failed;
  if (usable.length === 0 && unasked) throw unasked;
  if (unasked) services.onUnasked?.(unasked);
  const known = usable.length < 2 ? undefined : await knownOf(job, payload, services);
  return usable.sort(comparing(payload, known)).map(({ offer }) => offer);
}

/** Those whose regions do not rest, and when to ask again for the others. */
async function usableOf(
  fitting: Ranked[],
  { health }: PlacementServices,
): Promise<{ usable: Ranked[]; resting?: TurnComesLater }> {
  if (!health) return { usable: fitting };
  const isUsable = await Promise.all(
    fitting.map(({ offer, provider }) => health.isUsable(provider, offer.region)),
  );
  const usable = fitting.filter((_, at) => isUsable[at]);
  if (usable.length === fitting.length) return { usable };
  const how = usable.length === 0 ? 'every offer is' : 'some offers are';
  const why = `${how} of a region that does not answer now`;
  return { usable, resting: new TurnComesLater(why, PASSED_OVER_MS, 'transient') };
}

/** How long a job waits whose offers are all of regions that rest. */
const PASSED_OVER_MS = 10_000;

type Known = Pick<OfferHistory, 'hasRefused' | 'startMs'>;

/**
 * What is known of offers in the fleet; undefined for a job that leaves nothing open: its own order holds. A reading that fails
 * keeps nobody from renting.
 */
async function knownOf(
  job: JobContext,
  { placement }: CreateInstancePayload,
  { providers, history }: PlacementServices,
): Promise<Known | undefined> {
  if (placement === undefined && providers.length === 1) return undefined;
  try {
    return await history.readOn({ withTimes: placement === 'fastest' });
  } catch (error) {
    job.signal.throwIfAborted();
    job.log(`what refused lately is not known: ${(error as Error).message}`);
    return undefined;
  }
}

function isRetryable(error: unknown): boolean {
  return !JetfleetError.is(error) || error.retryable;
}

/** @throws ProviderError `validation` */
function providersFor(payload: CreateInstancePayload, all: readonly GpuProvider[]): GpuProvider[] {
  const { providers: names = [], onTimeout } = payload;
  const unknown = names.find((name) => !all.some((provider) => provider.name === name));
  if (unknown !== undefined) {
    const known = all.map(({ name }) => name).join(', ');
    throw new ProviderError(
      'validation',
      `this worker has no provider ${JSON.stringify(unknown)}, but ${known}`,
    );
  }
  // In the order of the job where it has one.
  const named =
    names.length > 0 ? names.flatMap((name) => all.filter((each) => each.name === name)) : [...all];
  const who = named.map(({ name }) => name).join(', ');
  const able = named.filter(({ capabilities }) => onTimeout !== 'stop' || capabilities.stopStart);
  if (able.length === 0) {
    throw new ProviderError('validation', `${who} cannot stop instances, so onTimeout cannot be stop`);
  }
  const renting = able.filter((provider) => modesOf(payload, provider).length > 0);
  if (renting.length > 0) return renting;
  throw new ProviderError('validation', `${who} rents no spot instances; set billingMode to on_demand`);
}

/** The billing modes that will do and that the provider has: without a word of the job spot where there is such a thing. */
function modesOf(
  { billingMode, billingModes = [] }: CreateInstancePayload,
  { capabilities }: GpuProvider,
): BillingMode[] {
  const usual = billingMode ?? (capabilities.spot ? 'spot' : 'on_demand');
  const modes = billingModes.length > 0 ? [...new Set(billingModes)] : [usual];
  return modes.filter((mode) => mode !== 'spot' || capabilities.spot);
}

/** An offer, and its place in the order that the job gives; `place` is that of its provider in the order of the worker. */
interface Ranked {
  offer: PlacedOffer;
  provider: string;
  rank: number;
  place: number;
}

async function offersAt(
  job: JobContext,
  payload: CreateInstancePayload,
  provider: GpuProvider,
  { providers, templateOf, health, polls }: PlacementServices,
): Promise<Ranked[]> {
  const admission = (await health?.admits(provider.name, ALL_REGIONS)) ?? { isAllowed: true };
  if (!admission.isAllowed) {
    const why = `${provider.name} does not answer, and is asked again in ${Math.ceil(admission.inMs / 1_000)} s`;
    throw new TurnComesLater(why, admission.inMs, 'transient');
  }
  await templateOf(job, provider);
  const place = providersFor(payload, providers).indexOf(provider);
  const named = payload.providers === undefined ? 0 : place;
  const ranked: Ranked[] = [];
  for (const { rank, query } of queriesOf(payload, provider)) {
    const offers =
      polls && payload.waitForCapacityUntil !== undefined
        ? await polls.offers(provider, query, job.signal)
        : await provider.listOffers(query, job.signal);
    // A part of a combined provider names itself, a provider alone does not.
    const { name } = provider;
    ranked.push(
      ...offers.map((offer) => ({
        ...{ rank: rank * providers.length + named, place, provider: name },
        offer: { ...offer, key: offerKey({ ...offer, provider: name }) },
      })),
    );
  }
  return ranked;
}

/** Products first, then billing modes, then regions: each in the order given, and each once. */
export function queriesOf(
  payload: CreateInstancePayload,
  provider: GpuProvider,
): { rank: number; query: OfferQuery }[] {
  const { productName, products = [], region, regions = [], gpuNum, rootfsSize } = payload;
  const names = [...new Set([productName, ...products])];
  const places = [...new Set([region, ...regions])];
  const { billingModes = [] } = payload;
  const modes = modesOf(payload, provider);
  // The same for all providers, whichever modes each of them has.
  const ranked = billingModes.length > 0 ? [...new Set(billingModes)] : modes;
  return names.flatMap((productName, nameAt) =>
    modes.flatMap((billingMode) =>
      places.map((place, placeAt) => ({
        rank: (nameAt * ranked.length + ranked.indexOf(billingMode)) * places.length + placeAt,
        query: { productName, billingMode, region: place, ...defined({ gpuNum, rootfsSize }) },
      })),
    ),
  );
}

/** What refused comes after its equals. Ties are broken by price, then by the order of the job and of the worker. */
function comparing(
  { placement = 'ordered' }: CreateInstancePayload,
  known: Known | undefined,
): (a: Ranked, b: Ranked) => number {
  type Measure = (of: Ranked) => number;
  const price: Measure = ({ offer }) => offer.pricePerHour;
  const rank: Measure = (of) => of.rank;
  const place: Measure = (of) => of.place;
  const refusals: Measure = ({ offer }) => (known?.hasRefused(offer.key) ? 1 : 0);
  // What was never measured is tried after what was: it may be faster, and may never start.
  const time: Measure = ({ offer }) => known?.startMs(offer.key) ?? Number.MAX_SAFE_INTEGER;
  const measures = {
    ordered: [rank, refusals, place, price],
    cheapest: [refusals, price, rank, place],
    fastest: [refusals, time, price, rank, place],
  }[placement];
  return (a, b) => measures.map((of) => of(a) - of(b)).find((difference) => difference !== 0) ?? 0;
}
