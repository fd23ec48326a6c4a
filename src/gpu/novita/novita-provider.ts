import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { type Logger, silentLogger } from '../../telemetry/logger.js';
import { guardedLogger } from '../../telemetry/user-code.js';
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
import { NovitaClient, type NovitaClientOptions } from './novita-client.js';
import {
  clustersOf,
  isOfferedIn,
  mapInstance,
  mapOffer,
  mapTemplate,
  refusedPrice,
  toCreateFields,
  toNovitaBilling,
} from './novita-mapping.js';
import {
  listedInstanceSchema,
  type NovitaInstance,
  novitaActionSchema,
  novitaClusterListSchema,
  novitaCreatedSchema,
  novitaInstanceListSchema,
  novitaInstanceSchema,
  novitaProductListSchema,
  novitaTemplateSchema,
} from './novita-schemas.js';

/** Instances per page of a list call. */
export const NOVITA_PAGE_SIZE = 100;
/** A list that never ends is a fault of the provider; 1,000 pages are 100,000 instances. */
const MAX_PAGES = 1_000;

/** An element of the list; `raw` is undefined when not even its id can be read. */
interface Listed {
  element: unknown;
  raw: NovitaInstance | undefined;
  observedAt: string;
}

export interface NovitaProviderOptions extends NovitaClientOptions {
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
  readonly capabilities: ProviderCapabilities = {
    stopStart: true,
    spot: true,
    exactNameLookup: false,
    maxNameLength: 255,
  };
  readonly #client: NovitaClient;
  readonly #logger: Logger;
  readonly #clusterByRegion: ReadonlyMap<string, string>;

  constructor(options: NovitaProviderOptions) {
    this.#client = new NovitaClient(options);
    this.#logger = guardedLogger(options.logger ?? silentLogger);
    this.#clusterByRegion = new Map(Object.entries(options.clusterByRegion ?? {}));
  }

  async create(spec: CreateSpec, signal?: AbortSignal): Promise<{ providerInstanceId: string }> {
    const { template, offer } = spec;
    const { id } = await this.#client.call({
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
    const read = this.#read('/gpu/instance', novitaInstanceSchema, { instanceId: id }, signal);
    const raw = await read.catch(nullWhenNotFound);
    if (raw && raw.id !== id) {
      throw new ProviderError('transient', `Novita gave instance ${raw.id} when asked for ${id}`);
    }
    return raw && mapInstance(raw);
  }

  /** Ties of `createdAt`, which has whole seconds, are broken by id: every worker sees the same first one. */
  async findByName(name: string, signal?: AbortSignal): Promise<Instance[]> {
    const found: Instance[] = [];
    for await (const { element, raw, observedAt } of this.#listed(name, signal)) {
      if (raw?.name === name) found.push(mapInstance(raw, observedAt));
      // What cannot be read is still paid for: under this name it must not pass for absent.
      else if (!raw && leavesOf(element).includes(name)) {
        throw new ProviderError('transient', `Novita lists an instance ${name} that cannot be read`);
      }
    }
    return found
      .filter(({ status }) => status !== 'terminated')
      .sort((a, b) => compare(a.createdAt ?? '', b.createdAt ?? '') || compare(a.id, b.id));
  }

  async *list(filter: { namePrefix?: string } = {}, signal?: AbortSignal): AsyncGenerator<Instance> {
    const { namePrefix = '' } = filter;
    for await (const { raw, observedAt } of this.#listed(namePrefix, signal)) {
      if (raw && (raw.name ?? '').startsWith(namePrefix)) yield mapInstance(raw, observedAt);
    }
  }

  async delete(id: string, signal?: AbortSignal): Promise<void> {
    await this.#act('delete', id, signal).catch(nullWhenNotFound);
  }

  async stop(id: string, signal?: AbortSignal): Promise<void> {
    await this.#act('stop', id, signal);
  }

  async listOffers(query: OfferQuery, signal?: AbortSignal): Promise<Offer[]> {
    const clusterIds = await this.#clusterIdsOf(query.region, signal);
    const searched = clusterIds.length > 0 ? clusterIds : [undefined];
    const offers = await Promise.all(searched.map((clusterId) => this.#offersIn(query, clusterId, signal)));
    return offers.flat().sort((a, b) => a.pricePerHour - b.pricePerHour || compare(a.productId, b.productId));
  }

  async getTemplate(id: string, signal?: AbortSignal): Promise<Template> {
    const read = await this.#read('/template', novitaTemplateSchema, { templateId: id }, signal);
    const template = mapTemplate(id, read);
    if (template.id === id) return template;
    throw new ProviderError('transient', `Novita gave template ${template.id} when asked for ${id}`);
  }

  /**
   * Each listed element once, page by page, until a page shows nothing new: the API may cap its pages, leave `total` out
   * or count a page in it, or ignore the page number. Only a total that the page before gave as well, and that is more
   * than a page holds, ends the list without another call. One that is created meanwhile moves others onto the next
   * page. The API's name filter is fuzzy: what comes contains `name`.
   * @throws ProviderError `transient` when less was shown than any page counted; a total below what was shown by then
   * counts something else
   */
  async *#listed(name: string, signal?: AbortSignal): AsyncGenerator<Listed> {
    const seen = new Set<string>();
    let shown = 0;
    let counted: number | undefined;
    let totalBefore: number | undefined;
    for (let pageNum = 1; pageNum <= MAX_PAGES; pageNum += 1) {
      const query = { pageSize: NOVITA_PAGE_SIZE, pageNum, name: name || undefined };
      const page = await this.#read('/gpu/instances', novitaInstanceListSchema, query, signal);
      const { instances, total } = page;
      const observedAt = new Date().toISOString();
      const before = seen.size;
      for (const element of instances) {
        const raw = listedInstanceSchema.parse(element);
        const key = raw?.id ?? createHash('sha256').update(leavesOf(element).join()).digest('hex');
        if (seen.has(key)) continue;
        seen.add(key);
        yield { element, raw, observedAt };
      }
      const isNew = seen.size > before;
      if (isNew) shown += instances.length;
      if (total !== undefined && total >= shown) counted = Math.min(counted ?? total, total);
      const isCounted = total !== undefined && total === totalBefore && total > instances.length;
      totalBefore = total;
      if (isNew && !(isCounted && seen.size >= total)) continue;
      if (shown >= (counted ?? 0)) return;
      throw new ProviderError('transient', `Novita listed ${shown} of ${counted} instances and no more`);
    }
    throw new ProviderError('transient', `Novita's list of instances did not end after ${MAX_PAGES} pages`);
  }

  async #clusterIdsOf(region: string, signal?: AbortSignal): Promise<string[]> {
    const configured = this.#clusterByRegion.get(region);
    if (configured) return [configured];
    const { data } = await this.#read('/clusters', novitaClusterListSchema, {}, signal);
    return clustersOf(region, data).map(({ id }) => id);
  }

  /** Without a cluster the products of all regions come back, and their `regions` decide: `US-CA-06 (California)`. */
  async #offersIn(query: OfferQuery, clusterId: string | undefined, signal?: AbortSignal): Promise<Offer[]> {
    const { productName, gpuNum, billingMode } = query;
    const parameters = { clusterId, productName, gpuNum, billingMethod: toNovitaBilling(billingMode) };
    const { data } = await this.#read('/products', novitaProductListSchema, parameters, signal);
    for (const product of data) {
      const price = refusedPrice(product, query);
      const what = 'a price that is no whole number of 1/100,000 makes no offer';
      if (price !== undefined) this.#logger.warn({ productId: product.id, productName, price }, what);
    }
    return data
      .filter((product) => clusterId || isOfferedIn(product, query.region))
      .flatMap((product) => mapOffer(product, query, clusterId) ?? []);
  }

  #read<T>(
    path: string,
    schema: z.ZodType<T>,
    query: Record<string, string | number | undefined>,
    signal?: AbortSignal,
  ): Promise<T> {
    return this.#client.call({ method: 'GET', path, kind: 'read', schema, query, signal });
  }

  /** Stop and delete answer with an empty body or with a state that says nothing more; a page is no answer of theirs. */
  async #act(action: 'stop' | 'delete', id: string, signal?: AbortSignal): Promise<void> {
    const path = `/gpu/instance/${action}`;
    const body = { instanceId: id };
    const schema = novitaActionSchema;
    await this.#client.call({ method: 'POST', path, kind: 'repeatable', schema, body, signal });
  }
}

/** Every text, number and key in a value of JSON, however deep it is nested: recursion would end at some depth. */
function leavesOf(value: unknown): string[] {
  const leaves: string[] = [];
  const rest: unknown[] = [value];
  while (rest.length > 0) {
    const next = rest.pop();
    if (typeof next !== 'object' || next === null) leaves.push(String(next));
    else for (const [key, inner] of Object.entries(next)) rest.push(key, inner);
  }
  return leaves;
}

function nullWhenNotFound(error: unknown): null {
  if (error instanceof ProviderError && error.class === 'not_found') return null;
  throw error;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `imageAuth` reads `user:password`; either form could be repeated in an error of the provider. */
function secretsOf({ imageAuth, envs }: Template): string[] {
  const password = imageAuth?.split(':').slice(1).join(':');
  return [imageAuth ?? '', password ?? '', ...envs.map(({ value }) => value)];
}
