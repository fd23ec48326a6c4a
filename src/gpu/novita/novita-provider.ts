import { type Logger, silentLogger } from '../../telemetry/logger.js';
import { guardedLogger } from '../../telemetry/user-code.js';
import type { Operations } from '../api/call-rates.js';
import { anyAnswer } from '../api/fields.js';
import {
  byPrice,
  foundByName,
  type Listed,
  nullWhenNotFound,
  pagedList,
  startingWith,
} from '../api/listed.js';
import {
  type ApiDialect,
  MAX_LIST_BYTES,
  ProviderApi,
  type ProviderApiOptions,
} from '../api/provider-api.js';
import { secretsOf } from '../api/template-secrets.js';
import type {
  CreateSpec,
  GpuProvider,
  Instance,
  Offer,
  OfferQuery,
  ProviderCapabilities,
  Template,
} from '../provider.js';
import { ProviderError } from '../provider-error.js';
import { NovitaCatalogue } from './novita-catalogue.js';
import { novitaErrors } from './novita-errors.js';
import { mapInstance, mapTemplate, toCreateFields, toNovitaBilling } from './novita-mapping.js';
import {
  listedInstanceSchema,
  novitaCreatedSchema,
  novitaInstanceListSchema,
  novitaInstanceSchema,
  novitaTemplateSchema,
} from './novita-schemas.js';

/** Where the v1 API lives below the host. */
export const NOVITA_API_PATH = '/gpu-instance/openapi/v1';
export const NOVITA_OPERATIONS: Operations = {
  'POST /gpu/instance/create': 'create',
  'GET /gpu/instances': 'list',
  'GET /gpu/instance': 'read',
  'POST /gpu/instance/delete': 'delete',
  'GET /products': 'offers',
  'GET /clusters': 'offers',
  'GET /template': 'templates',
  'GET /templates': 'templates',
};
/** Novita's GPU instance API, v1 (https://novita.ai/docs/api-reference/). PPIO speaks the same. */
const DIALECT: ApiDialect = {
  provider: 'Novita',
  defaultBaseUrl: 'https://api.novita.ai',
  path: NOVITA_API_PATH,
  errors: novitaErrors,
  // No numbers are published.
  operations: NOVITA_OPERATIONS,
};

/** Instances per page of a list call. */
export const NOVITA_PAGE_SIZE = 100;
/** A list that never ends is a fault of the provider; 1,000 pages are 100,000 instances. */
const MAX_PAGES = 1_000;

export interface NovitaProviderOptions extends ProviderApiOptions {
  /** Cluster ids by region, for regions that the API's list of clusters does not show. Defaults to none. */
  clusterByRegion?: Readonly<Record<string, string>>;
}

/**
 * Novita's GPU instances, API v1.
 * @throws ProviderError `auth` or `validation` for a key or base URL that cannot be used
 */
export function createNovitaProvider(options: NovitaProviderOptions): NovitaProvider {
  return new NovitaProvider(options);
}

/** {@link GpuProvider} over Novita's API v1. It keeps no state: any number may share one account. */
export class NovitaProvider implements GpuProvider {
  readonly name = 'novita';
  readonly account: string;
  readonly capabilities: ProviderCapabilities = {
    stopStart: true,
    restart: true,
    migrate: true,
    spot: true,
    exactNameLookup: false,
    maxNameLength: 255,
  };
  /** Products, clusters and templates, as the account may rent them. */
  readonly catalogue: NovitaCatalogue;
  readonly #api: ProviderApi;

  constructor(options: NovitaProviderOptions) {
    const { clusterByRegion = {}, logger = silentLogger } = options;
    const guarded: Logger = guardedLogger(logger);
    this.#api = new ProviderApi(DIALECT, options);
    this.account = this.#api.account;
    this.catalogue = new NovitaCatalogue(this.#api, new Map(Object.entries(clusterByRegion)), guarded);
  }

  async create(spec: CreateSpec, signal?: AbortSignal): Promise<{ providerInstanceId: string }> {
    const { template, offer } = spec;
    const { id } = await this.#api.call({
      method: 'POST',
      path: '/gpu/instance/create',
      kind: 'create',
      schema: novitaCreatedSchema,
      secrets: secretsOf(template),
      body: {
        name: spec.name,
        kind: 'gpu',
        productId: offer.productId,
        gpuNum: spec.gpuNum,
        rootfsSize: spec.rootfsSize,
        billingMode: toNovitaBilling(offer.billingMode),
        ...(offer.clusterId && { clusterId: offer.clusterId }),
        ...toCreateFields(template),
      },
      signal,
    });
    return { providerInstanceId: id };
  }

  async get(id: string, signal?: AbortSignal): Promise<Instance | null> {
    const call = { method: 'GET', path: '/gpu/instance', kind: 'read', query: { instanceId: id } } as const;
    const read = this.#api.call({ ...call, schema: novitaInstanceSchema, signal });
    const raw = await read.catch(nullWhenNotFound);
    if (raw && raw.id !== id) {
      throw new ProviderError('transient', `Novita gave instance ${raw.id} when asked for ${id}`);
    }
    return raw && mapInstance(raw);
  }

  findByName(name: string, signal?: AbortSignal): Promise<Instance[]> {
    return foundByName('Novita', this.#listed(name, signal), name);
  }

  list({ namePrefix = '' }: { namePrefix?: string } = {}, signal?: AbortSignal): AsyncGenerator<Instance> {
    return startingWith(this.#listed(namePrefix, signal), namePrefix);
  }

  async delete(id: string, signal?: AbortSignal): Promise<void> {
    await this.#act('delete', id, signal).catch(nullWhenNotFound);
  }

  stop(id: string, signal?: AbortSignal): Promise<void> {
    return this.#act('stop', id, signal);
  }

  /** May be refused as `conflict` although it works: what a read shows decides. */
  start(id: string, signal?: AbortSignal): Promise<void> {
    return this.#act('start', id, signal);
  }

  restart(id: string, signal?: AbortSignal): Promise<void> {
    return this.#act('restart', id, signal);
  }

  /** Moves a spot instance that was reclaimed to another machine, under the same id. */
  migrate(id: string, signal?: AbortSignal): Promise<void> {
    return this.#act('migrate', id, signal);
  }

  async listOffers(query: OfferQuery, signal?: AbortSignal): Promise<Offer[]> {
    const offers = await this.catalogue.offers(query, signal);
    return offers.sort(byPrice);
  }

  async getTemplate(id: string, signal?: AbortSignal): Promise<Template> {
    const call = { method: 'GET', path: '/template', kind: 'read', query: { templateId: id } } as const;
    const template = mapTemplate(id, await this.#api.call({ ...call, schema: novitaTemplateSchema, signal }));
    if (template.id === id) return template;
    throw new ProviderError('transient', `Novita gave template ${template.id} when asked for ${id}`);
  }

  /**
   * Pages have numbers, and go on until one shows nothing new: the API may cap its pages, leave `total` out or count a page in it, or ignore
   * the page number. Only a total that the page before gave as well, and that is more than a page holds, ends the list without another
   * call. One that is created meanwhile moves others onto the next page. The API's name filter is fuzzy: what comes contains `name`.
   */
  #listed(name: string, signal?: AbortSignal): AsyncGenerator<Listed> {
    let page: { elements: readonly unknown[]; total?: number | undefined } | undefined;
    let totalBefore: number | undefined;
    return pagedList({
      provider: 'Novita',
      maxPages: MAX_PAGES,
      read: (element, observedAt) => {
        const raw = listedInstanceSchema.parse(element);
        return raw && mapInstance(raw, observedAt);
      },
      pageAt: async (pageNum) => {
        totalBefore = page?.total;
        const query = { pageSize: NOVITA_PAGE_SIZE, pageNum, name: name || undefined };
        const call = { method: 'GET', path: '/gpu/instances', kind: 'read', query } as const;
        const limits = { schema: novitaInstanceListSchema, maxBytes: MAX_LIST_BYTES };
        const { instances, total } = await this.#api.call({ ...call, ...limits, signal });
        page = { elements: instances, total };
        return page;
      },
      isLast: (isNew, seen) => {
        const { elements = [], total } = page ?? {};
        const isCounted = total !== undefined && total === totalBefore && total > elements.length;
        return !isNew || (isCounted && seen >= total);
      },
    });
  }

  /** The actions answer with an empty body or with a state that says nothing more; a page is no answer of theirs. */
  async #act(
    action: 'start' | 'stop' | 'restart' | 'migrate' | 'delete',
    id: string,
    signal?: AbortSignal,
  ): Promise<void> {
    const call = { method: 'POST', path: `/gpu/instance/${action}`, kind: 'repeatable' } as const;
    await this.#api.call({ ...call, schema: anyAnswer, body: { instanceId: id }, signal });
  }
}
