import type * as z from 'zod';
import type { Logger } from '../../telemetry/logger.js';
import type { ProviderApi } from '../api/provider-api.js';
import type { Offer, OfferQuery } from '../provider.js';
import { ProviderError } from '../provider-error.js';
import { clustersOf, isOfferedIn, mapOffer, refusedPrice, toNovitaBilling } from './novita-mapping.js';
import {
  type NovitaProduct,
  novitaClusterListSchema,
  novitaProductListSchema,
  novitaTemplateListSchema,
} from './novita-schemas.js';

const PAGE_SIZE = 100;
/** Templates beyond are more than a person reads. */
const MAX_PAGES = 50;

/** What `GET /products` may be narrowed by. The name is matched fuzzily. */
export interface NovitaProductFilter {
  clusterId?: string | undefined;
  productName?: string | undefined;
  gpuNum?: number | undefined;
  billingMethod?: 'spot' | 'onDemand' | undefined;
}

type ClusterListed = z.output<typeof novitaClusterListSchema>['data'][number];
type TemplateListed = z.output<typeof novitaTemplateListSchema>['template'][number];

/** What Novita has for rent, as the API lists it; unknown fields are passed on. */
export class NovitaCatalogue {
  readonly #api: ProviderApi;
  readonly #clusterByRegion: ReadonlyMap<string, string>;
  readonly #logger: Logger;

  constructor(api: ProviderApi, clusterByRegion: ReadonlyMap<string, string>, logger: Logger) {
    this.#api = api;
    this.#clusterByRegion = clusterByRegion;
    this.#logger = logger;
  }

  /** Products with their prices in 1/100,000 USD per hour. */
  async products(filter: NovitaProductFilter = {}, signal?: AbortSignal): Promise<NovitaProduct[]> {
    const { data } = await this.#read('/products', novitaProductListSchema, { ...filter }, signal);
    return data;
  }

  async clusters(signal?: AbortSignal): Promise<ClusterListed[]> {
    return (await this.#read('/clusters', novitaClusterListSchema, {}, signal)).data;
  }

  /** The templates that the account may use, optionally those whose name contains `name`, page by page. */
  async *templates(name?: string, signal?: AbortSignal): AsyncGenerator<TemplateListed> {
    const seen = new Set<string>();
    for (let pageNum = 1; pageNum <= MAX_PAGES; pageNum += 1) {
      const query = { pageSize: PAGE_SIZE, pageNum, name };
      const { template } = await this.#read('/templates', novitaTemplateListSchema, query, signal);
      const fresh = template.filter(({ Id }) => !seen.has(Id));
      if (fresh.length === 0) return;
      for (const each of fresh) {
        seen.add(each.Id);
        yield each;
      }
    }
    throw new ProviderError('transient', `Novita's list of templates did not end after ${MAX_PAGES} pages`);
  }

  /** In every cluster of the region; without one the products of all regions come, and their `regions` decide. */
  async offers(query: OfferQuery, signal?: AbortSignal): Promise<Offer[]> {
    const clusterIds = await this.#clusterIdsOf(query.region, signal);
    const searched = clusterIds.length > 0 ? clusterIds : [undefined];
    const offers = await Promise.all(searched.map((clusterId) => this.#offersIn(query, clusterId, signal)));
    return offers.flat();
  }

  async #clusterIdsOf(region: string, signal?: AbortSignal): Promise<string[]> {
    const configured = this.#clusterByRegion.get(region);
    if (configured) return [configured];
    return clustersOf(region, await this.clusters(signal)).map(({ id }) => id);
  }

  /** Without a cluster the products of all regions come back, and their `regions` decide: `US-CA-06 (California)`. */
  async #offersIn(query: OfferQuery, clusterId: string | undefined, signal?: AbortSignal): Promise<Offer[]> {
    const { productName, gpuNum, billingMode } = query;
    const filter = { clusterId, productName, gpuNum, billingMethod: toNovitaBilling(billingMode) };
    const products = await this.products(filter, signal);
    for (const product of products) {
      const price = refusedPrice(product, query);
      const what = 'a price that is no whole number of 1/100,000 makes no offer';
      if (price !== undefined) this.#logger.warn({ productId: product.id, productName, price }, what);
    }
    return products
      .filter((product) => clusterId || isOfferedIn(product, query.region))
      .flatMap((product) => mapOffer(product, query, clusterId) ?? []);
  }

  #read<T>(
    path: string,
    schema: z.ZodType<T>,
    query: Record<string, string | number | undefined>,
    signal?: AbortSignal,
  ): Promise<T> {
    return this.#api.call({ method: 'GET', path, kind: 'read', schema, query, signal });
  }
}
