import { excerptOf } from '../../jobs/excerpt.js';
import type { Operations } from '../api/call-rates.js';
import { anyAnswer } from '../api/fields.js';
import {
  byPrice,
  foundByName,
  type Listed,
  nullWhenNotFound,
  startingWith,
  wholeList,
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
import { runpodErrors } from './runpod-errors.js';
import { CLOUDS, type Cloud, mapGpuOffer, mapPod, mapPodTemplate, toCreatePod } from './runpod-mapping.js';
import {
  createdPodSchema,
  gpuTypeListSchema,
  listedPodSchema,
  podListSchema,
  podSchema,
  podTemplateSchema,
} from './runpod-schemas.js';

/** Where the API v2 lives below the host. Version 1 was retired on 2026-11-15. */
export const RUNPOD_API_PATH = '/v2';
export const RUNPOD_OPERATIONS: Operations = {
  'POST /pods': 'create',
  'GET /pods': 'list',
  'GET /pods/{id}': 'read',
  'DELETE /pods/{id}': 'delete',
  'POST /pods/{id}/action': 'change',
  'GET /catalog/gpus': 'offers',
  'GET /templates/{id}': 'templates',
};
const DIALECT: ApiDialect = {
  provider: 'RunPod',
  defaultBaseUrl: 'https://api.runpod.io',
  path: RUNPOD_API_PATH,
  errors: runpodErrors,
  operations: RUNPOD_OPERATIONS,
  // Each answer tells what is left of the quotas of the user; none are published (api-reference-v2/rate-limits).
  hasOneQuota: true,
};

export interface RunpodProviderOptions extends ProviderApiOptions {
  /** The tiers of machines that are rented. Defaults to both. */
  clouds?: readonly Cloud[];
}

/**
 * RunPod's GPU pods, API v2. A region is the id of a data center, such as `US-KS-2`; a product is a type of GPU, by its name
 * (`RTX 4090`) or its id. The API rents on demand only: it has no field for interruptible pods.
 * @throws ProviderError `auth` or `validation` for a key, a base URL or clouds that cannot be used
 */
export function createRunpodProvider(options: RunpodProviderOptions): RunpodProvider {
  return new RunpodProvider(options);
}

/** {@link GpuProvider} over RunPod's API v2. It keeps no state: any number may share one account. */
export class RunpodProvider implements GpuProvider {
  readonly name = 'runpod';
  readonly account: string;
  readonly capabilities: ProviderCapabilities = {
    stopStart: true,
    restart: true,
    spot: false,
    exactNameLookup: false,
    maxNameLength: 191,
  };
  readonly #api: ProviderApi;
  readonly #clouds: readonly Cloud[];

  constructor(options: RunpodProviderOptions) {
    const { clouds = CLOUDS } = options;
    const isCloud = (each: unknown) => (CLOUDS as readonly unknown[]).includes(each);
    if (!Array.isArray(clouds) || clouds.length === 0 || !clouds.every(isCloud)) {
      const known = `a list of one or more of ${CLOUDS.join(' and ')}`;
      throw new ProviderError('validation', `clouds ${excerptOf(clouds)} must be ${known}`);
    }
    this.#api = new ProviderApi(DIALECT, options);
    this.account = this.#api.account;
    this.#clouds = [...new Set(clouds)];
  }

  async create(spec: CreateSpec, signal?: AbortSignal): Promise<{ providerInstanceId: string }> {
    const call = { method: 'POST', path: '/pods', kind: 'create', schema: createdPodSchema } as const;
    const secrets = secretsOf(spec.template);
    const { id } = await this.#api.call({
      ...call,
      secrets,
      body: toCreatePod(spec),
      signal,
    });
    return { providerInstanceId: id };
  }

  async get(id: string, signal?: AbortSignal): Promise<Instance | null> {
    const call = { method: 'GET', path: `/pods/${segmentOf(id)}`, kind: 'read', schema: podSchema } as const;
    const pod = await this.#api.call({ ...call, signal }).catch(nullWhenNotFound);
    if (pod && pod.id !== id) {
      throw new ProviderError('transient', `RunPod gave pod ${pod.id} when asked for ${id}`);
    }
    return pod && mapPod(pod);
  }

  /** The API has no filter by name, and names may repeat. */
  findByName(name: string, signal?: AbortSignal): Promise<Instance[]> {
    return foundByName('RunPod', this.#listed(signal), name);
  }

  list({ namePrefix }: { namePrefix?: string } = {}, signal?: AbortSignal): AsyncGenerator<Instance> {
    return startingWith(this.#listed(signal), namePrefix);
  }

  async delete(id: string, signal?: AbortSignal): Promise<void> {
    const call = { method: 'DELETE', path: `/pods/${segmentOf(id)}`, kind: 'repeatable' } as const;
    await this.#api.call({ ...call, schema: anyAnswer, signal }).catch(nullWhenNotFound);
  }

  stop(id: string, signal?: AbortSignal): Promise<void> {
    return this.#act('stop', id, signal);
  }

  start(id: string, signal?: AbortSignal): Promise<void> {
    return this.#act('start', id, signal);
  }

  restart(id: string, signal?: AbortSignal): Promise<void> {
    return this.#act('restart', id, signal);
  }

  /** The catalogue orders candidates, and reserves nothing: a create can still fail for capacity. */
  async listOffers(query: OfferQuery, signal?: AbortSignal): Promise<Offer[]> {
    if (query.billingMode === 'spot') return [];
    const offers = await Promise.all(this.#clouds.map((cloud) => this.#offersIn(cloud, query, signal)));
    return offers.flat().sort(byPrice);
  }

  async getTemplate(id: string, signal?: AbortSignal): Promise<Template> {
    const path = `/templates/${segmentOf(id)}`;
    const call = { method: 'GET', path, kind: 'read', schema: podTemplateSchema } as const;
    const template = mapPodTemplate(id, await this.#api.call({ ...call, signal }));
    if (template.id === id) return template;
    throw new ProviderError('transient', `RunPod gave template ${template.id} when asked for ${id}`);
  }

  async #offersIn(cloud: Cloud, query: OfferQuery, signal?: AbortSignal): Promise<Offer[]> {
    const asked = { include: 'AVAILABILITY', product: 'POD', count: query.gpuNum, cloud };
    const call = { method: 'GET', path: '/catalog/gpus', kind: 'read', schema: gpuTypeListSchema } as const;
    const { gpus } = await this.#api.call({ ...call, query: asked, signal });
    return gpus.flatMap((gpu) => mapGpuOffer(gpu, cloud, query) ?? []);
  }

  /** All pods come in one answer. */
  #listed(signal?: AbortSignal): AsyncGenerator<Listed> {
    const call = { method: 'GET', path: '/pods', kind: 'read', maxBytes: MAX_LIST_BYTES } as const;
    const answer = async () => (await this.#api.call({ ...call, schema: podListSchema, signal })).pods;
    return wholeList(answer, (element, observedAt) => {
      const pod = listedPodSchema.parse(element);
      return pod && mapPod(pod, observedAt);
    });
  }

  async #act(action: 'start' | 'stop' | 'restart', id: string, signal?: AbortSignal): Promise<void> {
    const call = { method: 'POST', path: `/pods/${segmentOf(id)}/action`, kind: 'repeatable' } as const;
    await this.#api.call({ ...call, schema: anyAnswer, body: { action }, signal });
  }
}
