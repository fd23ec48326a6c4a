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
  segmentOf,
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
import { vastErrors } from './vast-errors.js';
import {
  mapVastInstance,
  mapVastOffer,
  mapVastTemplate,
  toCreateVast,
  toOfferSearch,
} from './vast-mapping.js';
import {
  listedVastSchema,
  vastCreatedSchema,
  vastOffersSchema,
  vastPageSchema,
  vastReadSchema,
  vastTemplatesSchema,
} from './vast-schemas.js';

/** Where the API lives below the host; each call names its version. */
export const VAST_API_PATH = '/api';
export const VAST_OPERATIONS: Operations = {
  'PUT /v0/asks/{id}/': 'create',
  'GET /v1/instances/': 'list',
  'GET /v0/instances/{id}/': 'read',
  'DELETE /v0/instances/{id}/': 'delete',
  'PUT /v0/instances/{id}/': 'change',
  'PUT /v0/instances/reboot/{id}/': 'change',
  'POST /v0/bundles/': 'offers',
  'GET /v0/template/': 'templates',
};
const DIALECT: ApiDialect = {
  provider: 'Vast',
  defaultBaseUrl: 'https://console.vast.ai',
  path: VAST_API_PATH,
  errors: vastErrors,
  operations: VAST_OPERATIONS,
  // `x-rate-limit` of each operation in vast-ai/docs (c624622), api-reference/openapi/yaml.
  rates: {
    create: { max: 1, perMs: 4_500 },
    list: { max: 1, perMs: 1_000 },
    read: { max: 1, perMs: 2_000 },
    delete: { max: 1, perMs: 3_000 },
    change: { max: 1, perMs: 1_000 },
    offers: { max: 10, perMs: 60_000 },
    templates: { max: 1, perMs: 3_000 },
  },
};

/** Most instances that a page has. */
const PAGE_SIZE = 25;
/** A list that never ends is a fault of the provider; 4,000 pages are 100,000 instances. */
const MAX_PAGES = 4_000;
const MAX_OFFERS = 64;

export type VastProviderOptions = ProviderApiOptions;

/**
 * Vast.ai's marketplace. A region is a country (`US`), a product a GPU by its name (`RTX 4090`), and each offer one machine of a
 * host. A template is named by its `hash_id`. Spot instances are bids at the lowest price that the offer takes.
 * @throws ProviderError `auth` or `validation` for a key or base URL that cannot be used
 */
export function createVastProvider(options: VastProviderOptions): VastProvider {
  return new VastProvider(options);
}

/** {@link GpuProvider} over Vast.ai's API. It keeps no state: any number may share one account. */
export class VastProvider implements GpuProvider {
  readonly name = 'vast';
  readonly account: string;
  readonly capabilities: ProviderCapabilities;
  readonly #api: ProviderApi;

  constructor(options: VastProviderOptions) {
    this.#api = new ProviderApi(DIALECT, options);
    this.account = this.#api.account;
    this.capabilities = {
      ...{ stopStart: true, restart: true, spot: true, exactNameLookup: true, maxNameLength: 256 },
      startScript: { endCommand: endCommandAt(options.baseUrl ?? DIALECT.defaultBaseUrl) },
    };
  }

  async create(spec: CreateSpec, signal?: AbortSignal): Promise<{ providerInstanceId: string }> {
    const body = toCreateVast(spec);
    const path = `/v0/asks/${segmentOf(spec.offer.productId)}/`;
    const call = { method: 'PUT', path, kind: 'create', schema: vastCreatedSchema } as const;
    const { new_contract: id } = await this.#api.call({
      ...call,
      secrets: [...secretsOf(spec.template), spec.template.startCommand ?? ''],
      body,
      signal,
    });
    return { providerInstanceId: id };
  }

  /** Where the single read shows nothing in place of the instance, the list filtered by its id decides. */
  async get(id: string, signal?: AbortSignal): Promise<Instance | null> {
    const path = `/v0/instances/${segmentOf(id)}/`;
    const call = { method: 'GET', path, kind: 'read', schema: vastReadSchema } as const;
    const read = await this.#api.call({ ...call, signal }).catch(nullWhenNotFound);
    if (!read) return null;
    const instance = read.instances && mapVastInstance(read.instances);
    if (instance?.id === id) return instance;
    if (instance)
      throw new ProviderError('transient', `Vast gave instance ${instance.id} when asked for ${id}`);
    for await (const _ of this.#listed({ id: { eq: Number(id) } }, signal)) {
      throw new ProviderError('transient', `Vast lists instance ${id}, and shows nothing of it`);
    }
    return null;
  }

  /** A name is the label, which the list filters exactly. */
  findByName(name: string, signal?: AbortSignal): Promise<Instance[]> {
    return foundByName('Vast', this.#listed({ label: { eq: name } }, signal), name);
  }

  list({ namePrefix }: { namePrefix?: string } = {}, signal?: AbortSignal): AsyncGenerator<Instance> {
    return startingWith(this.#listed({}, signal), namePrefix);
  }

  async delete(id: string, signal?: AbortSignal): Promise<void> {
    const call = { method: 'DELETE', path: `/v0/instances/${segmentOf(id)}/`, kind: 'repeatable' } as const;
    await this.#api.call({ ...call, schema: anyAnswer, signal }).catch(nullWhenNotFound);
  }

  stop(id: string, signal?: AbortSignal): Promise<void> {
    return this.#put(`/v0/instances/${segmentOf(id)}/`, { state: 'stopped' }, signal);
  }

  /** A stopped instance starts only while its GPU is free: it may wait in its stopped state. */
  start(id: string, signal?: AbortSignal): Promise<void> {
    return this.#put(`/v0/instances/${segmentOf(id)}/`, { state: 'running' }, signal);
  }

  /** Stops and starts the container without giving the GPU away. */
  restart(id: string, signal?: AbortSignal): Promise<void> {
    return this.#put(`/v0/instances/reboot/${segmentOf(id)}/`, {}, signal);
  }

  async listOffers(query: OfferQuery, signal?: AbortSignal): Promise<Offer[]> {
    const call = { method: 'POST', path: '/v0/bundles/', kind: 'read', schema: vastOffersSchema } as const;
    const { offers } = await this.#api.call({ ...call, body: toOfferSearch(query, MAX_OFFERS), signal });
    return offers.flatMap((offer) => mapVastOffer(offer, query) ?? []).sort(byPrice);
  }

  async getTemplate(id: string, signal?: AbortSignal): Promise<Template> {
    const query = { select_filters: JSON.stringify({ hash_id: { eq: id } }) };
    const call = { method: 'GET', path: '/v0/template/', kind: 'read', schema: vastTemplatesSchema } as const;
    const { templates } = await this.#api.call({ ...call, query, signal });
    const template = templates.find(({ hash_id }) => hash_id === id);
    if (template) return mapVastTemplate(template);
    throw new ProviderError('not_found', `Vast has no template with the hash_id ${JSON.stringify(id)}`);
  }

  /** Pages lead to each other by tokens. */
  #listed(filters: Record<string, unknown>, signal?: AbortSignal): AsyncGenerator<Listed> {
    let token: string | undefined;
    let next: string | null | undefined;
    return pagedList({
      provider: 'Vast',
      maxPages: MAX_PAGES,
      read: (element, observedAt) => {
        const raw = listedVastSchema.parse(element);
        return raw && mapVastInstance(raw, observedAt);
      },
      pageAt: async () => {
        token = next ?? undefined;
        const query = {
          limit: PAGE_SIZE,
          order_by: JSON.stringify([{ col: 'id', dir: 'asc' }]),
          select_filters: JSON.stringify(filters),
          after_token: token,
        };
        const call = { method: 'GET', path: '/v1/instances/', kind: 'read', query } as const;
        const limits = { schema: vastPageSchema, maxBytes: MAX_LIST_BYTES };
        const answer = await this.#api.call({ ...call, ...limits, signal });
        next = answer.next_token;
        return { elements: answer.instances, total: answer.total_instances };
      },
      isLast: (isNew) => {
        if (next === undefined || next === null) return true;
        if (isNew && next !== token) return false;
        throw new ProviderError('transient', 'Vast repeats a page of its list of instances');
      },
    });
  }

  async #put(path: string, body: Record<string, unknown>, signal?: AbortSignal): Promise<void> {
    await this.#api.call({ method: 'PUT', path, kind: 'repeatable', schema: anyAnswer, body, signal });
  }
}

/** By the id and the key that Vast.ai gives to each container, which may stop itself by it. */
function endCommandAt(baseUrl: string): string {
  const url = `"${baseUrl.replace(/\/$/, '')}/api/v0/instances/$CONTAINER_ID/"`;
  const headers = `-H "Authorization: Bearer $CONTAINER_API_KEY" -H 'Content-Type: application/json'`;
  return `curl -fsS -m 20 -X PUT ${headers} -d '{"state":"stopped"}' ${url}`;
}
