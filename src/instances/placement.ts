import type { GpuProvider, Offer, OfferQuery, Template } from '../gpu/provider.js';
import { ProviderError } from '../gpu/provider-error.js';
import { defined } from '../jobs/defined.js';
import type { JobContext } from '../worker/job-handler.js';
import { type OfferHistory, offerKey } from './offer-history.js';
import type { CreateInstancePayload } from './schemas.js';

/** What a placement has to do with. */
export interface PlacementServices {
  /** One, or the parts of a combined one. */
  providers: readonly GpuProvider[];
  templateOf: (job: JobContext, provider: GpuProvider) => Promise<Template>;
  history: OfferHistory;
}

/**
 * The offers for a job, the one to be tried first at the beginning: over products, billing modes, regions and providers, no dearer than
 * the highest price, by the policy. What refused lately, to any worker, comes last.
 * @throws ProviderError where no provider could be asked, by the first of them; `validation` for a job that none can take
 */
export async function placedOffers(
  job: JobContext,
  payload: CreateInstancePayload,
  services: PlacementServices,
): Promise<Offer[]> {
  const providers = providersFor(payload, services.providers);
  const asked = await Promise.allSettled(
    providers.map((provider) => offersAt(job, payload, provider, services)),
  );
  const failures = asked.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
  job.signal.throwIfAborted();
  if (failures.length === providers.length) throw failures[0];
  for (const error of failures) job.log(`a provider made no offers: ${(error as Error).message}`);
  const ranked = asked.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  const { maxPricePerHour = Number.POSITIVE_INFINITY, avoid = [] } = payload;
  const fitting = ranked.filter(
    ({ offer }) => offer.pricePerHour <= maxPricePerHour && !avoid.includes(offerKey(offer)),
  );
  if (fitting.length < 2) return fitting.map(({ offer }) => offer);
  const known = await services.history.readOn();
  const sorted = fitting.sort(comparing(payload, (offer) => known.startMs(offerKey(offer))));
  const offers = sorted.map(({ offer }) => offer);
  const hasRefused = (offer: Offer) => known.hasRefused(offerKey(offer));
  return [...offers.filter((offer) => !hasRefused(offer)), ...offers.filter(hasRefused)];
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
  const able = named.filter(({ capabilities }) => onTimeout !== 'stop' || capabilities.stopStart);
  if (able.length > 0) return able;
  const who = named.map(({ name }) => name).join(', ');
  throw new ProviderError('validation', `${who} cannot stop instances, so onTimeout cannot be stop`);
}

/** An offer, and its place in the order that the job gives. */
interface Ranked {
  offer: Offer;
  rank: number;
}

async function offersAt(
  job: JobContext,
  payload: CreateInstancePayload,
  provider: GpuProvider,
  { providers, templateOf }: PlacementServices,
): Promise<Ranked[]> {
  await templateOf(job, provider);
  const ranked: Ranked[] = [];
  for (const [rank, query] of queriesOf(payload).entries()) {
    if (query.billingMode === 'spot' && !provider.capabilities.spot) continue;
    const offers = await provider.listOffers(query, job.signal);
    // A part of a combined provider names itself, a provider alone does not.
    ranked.push(...offers.map((offer) => ({ offer, rank: rank * providers.length })));
  }
  const place = providersFor(payload, providers).indexOf(provider);
  return ranked.map(({ offer, rank }) => ({ offer, rank: rank + place }));
}

/** Products first, then billing modes, then regions: each in the order given, and each once. */
function queriesOf(payload: CreateInstancePayload): OfferQuery[] {
  const { productName, products = [], region, regions = [], gpuNum, rootfsSize } = payload;
  const { billingMode = 'spot', billingModes = [] } = payload;
  const names = [...new Set([productName, ...products])];
  const modes = billingModes.length > 0 ? [...new Set(billingModes)] : [billingMode];
  const places = [...new Set([region, ...regions])];
  return names.flatMap((name) =>
    modes.flatMap((mode) =>
      places.map((place) => ({
        productName: name,
        billingMode: mode,
        region: place,
        ...defined({ gpuNum, rootfsSize }),
      })),
    ),
  );
}

/** Ties are broken by price, then by the order of the job. */
function comparing(
  { placement = 'ordered' }: CreateInstancePayload,
  startMs: (offer: Offer) => number | undefined,
): (a: Ranked, b: Ranked) => number {
  const byPrice = (a: Ranked, b: Ranked) => a.offer.pricePerHour - b.offer.pricePerHour || a.rank - b.rank;
  const byOrder = (a: Ranked, b: Ranked) => a.rank - b.rank || byPrice(a, b);
  // What was never measured is tried after what was: it may be faster, and may never start.
  const time = ({ offer }: Ranked) => startMs(offer) ?? Number.MAX_SAFE_INTEGER;
  const byTime = (a: Ranked, b: Ranked) => time(a) - time(b) || byPrice(a, b);
  return { ordered: byOrder, cheapest: byPrice, fastest: byTime }[placement];
}
