import { amountOf } from '../../jobs/amount.js';
import { defined } from '../../jobs/defined.js';
import type { Operations } from '../api/call-rates.js';
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
import { assertHasNone } from '../api/template-fields.js';
import { secretsOf } from '../api/template-secrets.js';
import type {
  CreateSpec,
  GpuProvider,
  Instance,
  InstanceStatus,
  Offer,
  OfferQuery,
  ProviderCapabilities,
  Template,
} from '../provider.js';
import { ProviderError } from '../provider-error.js';
import { lambdaErrors } from './lambda-errors.js';
import {
  type LambdaInstance,
  type LambdaOffered,
  lambdaImagesSchema,
  lambdaListSchema,
  lambdaReadSchema,
  lambdaTypesSchema,
  launchedSchema,
  listedLambdaSchema,
  restartedSchema,
  terminatedSchema,
} from './lambda-schemas.js';

/** Where the API v1 lives below the host. */
export const LAMBDA_API_PATH = '/api/v1';
export const LAMBDA_OPERATIONS: Operations = {
  'POST /instance-operations/launch': 'create',
  'GET /instances': 'list',
  'GET /instances/{id}': 'read',
  'POST /instance-operations/terminate': 'delete',
  'POST /instance-operations/restart': 'change',
  'GET /instance-types': 'offers',
  'GET /images': 'templates',
};
const DIALECT: ApiDialect = {
  provider: 'Lambda',
  defaultBaseUrl: 'https://cloud.lambda.ai',
  path: LAMBDA_API_PATH,
  errors: lambdaErrors,
  operations: LAMBDA_OPERATIONS,
  // https://docs.lambda.ai/api/cloud: "Rate limiting".
  rates: { all: { max: 1, perMs: 1_000 }, create: { max: 1, perMs: 12_000 } },
};

/** The API's words in Jetfleet's vocabulary. `unhealthy` is a machine that was up and does not answer. */
const STATUS: ReadonlyMap<string, InstanceStatus> = new Map([
  ['booting', 'provisioning'],
  ['active', 'running'],
  ['unhealthy', 'failed'],
  ['preempted', 'preempted'],
  ['terminating', 'terminating'],
  ['terminated', 'terminated'],
]);
/** Prices come in cents, of which three decimals make one of 1/100,000 USD. */
const CENT_DECIMALS = 3;
/** A virtual machine boots an image of Lambda's; what runs on it is a matter of its user data. */
const NOT_SENT = [
  'imageAuth',
  'imageAuthId',
  'entrypoint',
  'minCudaVersion',
  'tools',
  'networkVolumes',
] as const;
/** The template without an image of its own: what Lambda boots by default. */
const DEFAULT_TEMPLATE = 'default';

export interface LambdaProviderOptions extends ProviderApiOptions {
  /** Name of the SSH key that new instances get. The API wants exactly one. */
  sshKeyName: string;
  /** cloud-init user data by template, for templates of your own. Defaults to none. */
  userData?: Readonly<Record<string, string>>;
}

/**
 * Lambda's on-demand instances, API v1. They are virtual machines without containers: a template is `default`, the family or id
 * of an image of `GET /images`, or a key of `userData`. A product is a type such as `gpu_1x_a10`, or the GPU that it describes
 * (`A10 (24 GB PCIe)`) with the number of GPUs. Instances cannot be stopped, only terminated.
 * @throws ProviderError `auth` or `validation` for a key, an SSH key or a base URL that cannot be used
 */
export function createLambdaProvider(options: LambdaProviderOptions): LambdaProvider {
  return new LambdaProvider(options);
}

/** {@link GpuProvider} over Lambda's API v1. It keeps no state: any number may share one account. */
export class LambdaProvider implements GpuProvider {
  readonly name = 'lambda';
  readonly account: string;
  readonly capabilities: ProviderCapabilities = {
    stopStart: false,
    restart: true,
    spot: false,
    exactNameLookup: false,
    maxNameLength: 64,
    startScript: { needsShebang: true },
    // On-demand instances are billed in increments of one minute (docs.lambda.ai/public-cloud/billing).
    billedMs: 60_000,
  };
  readonly #api: ProviderApi;
  readonly #sshKeyName: string;
  readonly #userData: ReadonlyMap<string, string>;

  constructor(options: LambdaProviderOptions) {
    if (!options.sshKeyName) {
      throw new ProviderError(
        'validation',
        'sshKeyName must be the name of an SSH key of the Lambda account',
      );
    }
    this.#api = new ProviderApi(DIALECT, options);
    this.account = this.#api.account;
    this.#sshKeyName = options.sshKeyName;
    this.#userData = new Map(Object.entries(options.userData ?? {}));
  }

  async create(spec: CreateSpec, signal?: AbortSignal): Promise<{ providerInstanceId: string }> {
    const { name, offer, template } = spec;
    assertFits(spec);
    assertHasNone('Lambda', template, NOT_SENT);
    const path = '/instance-operations/launch';
    const call = { method: 'POST', path, kind: 'create', schema: launchedSchema } as const;
    const isFamily = !/^[0-9a-f-]{32,36}$/.test(template.image);
    const image = isFamily ? { family: template.image } : { id: template.image };
    const body = {
      region_name: offer.region,
      instance_type_name: offer.productId,
      ssh_key_names: [this.#sshKeyName],
      name,
      ...(template.image !== DEFAULT_TEMPLATE && { image }),
      ...defined({ user_data: template.startCommand }),
    };
    const secrets = [...secretsOf(template), template.startCommand ?? ''];
    const { data } = await this.#api.call({ ...call, secrets, body, signal });
    return { providerInstanceId: data.instance_ids[0] as string };
  }

  async get(id: string, signal?: AbortSignal): Promise<Instance | null> {
    const path = `/instances/${segmentOf(id)}`;
    const call = { method: 'GET', path, kind: 'read', schema: lambdaReadSchema } as const;
    const read = await this.#api.call({ ...call, signal }).catch(nullWhenNotFound);
    if (read && read.data.id !== id) {
      throw new ProviderError('transient', `Lambda gave instance ${read.data.id} when asked for ${id}`);
    }
    return read && mapInstance(read.data);
  }

  /** The API has no filter by name, and names may repeat. Without times the order is that of the ids. */
  findByName(name: string, signal?: AbortSignal): Promise<Instance[]> {
    return foundByName('Lambda', this.#listed(signal), name);
  }

  list({ namePrefix }: { namePrefix?: string } = {}, signal?: AbortSignal): AsyncGenerator<Instance> {
    return startingWith(this.#listed(signal), namePrefix);
  }

  async delete(id: string, signal?: AbortSignal): Promise<void> {
    const path = '/instance-operations/terminate';
    const call = { method: 'POST', path, kind: 'repeatable', schema: terminatedSchema } as const;
    const answer = await this.#api
      .call({ ...call, body: { instance_ids: [id] }, signal })
      .catch(nullWhenNotFound);
    if (answer) assertChanged('terminated', answer.data.terminated_instances, id);
  }

  async stop(): Promise<void> {
    throw new ProviderError('validation', 'Lambda cannot stop instances, it only terminates them');
  }

  async restart(id: string, signal?: AbortSignal): Promise<void> {
    const path = '/instance-operations/restart';
    const call = { method: 'POST', path, kind: 'repeatable', schema: restartedSchema } as const;
    const { data } = await this.#api.call({ ...call, body: { instance_ids: [id] }, signal });
    assertChanged('restarted', data.restarted_instances, id);
  }

  /** The list of regions with capacity is advisory: a launch may be refused all the same. */
  async listOffers(query: OfferQuery, signal?: AbortSignal): Promise<Offer[]> {
    const call = { method: 'GET', path: '/instance-types', kind: 'read', schema: lambdaTypesSchema } as const;
    const { data } = await this.#api.call({ ...call, signal });
    return Object.values(data)
      .flatMap((offered) => (offered && mapOffer(offered, query)) ?? [])
      .sort(byPrice);
  }

  async getTemplate(id: string, signal?: AbortSignal): Promise<Template> {
    const own = this.#userData.get(id);
    const made = (image: string) => ({ id, image, ports: [], envs: [], ...defined({ startCommand: own }) });
    const call = { method: 'GET', path: '/images', kind: 'read', schema: lambdaImagesSchema } as const;
    // Asked for every template, so that a key which is refused shows before anything is rented.
    const { data } = await this.#api.call({ ...call, signal });
    if (own !== undefined || id === DEFAULT_TEMPLATE) return made(DEFAULT_TEMPLATE);
    if (data.some((image) => image.id === id || image.family === id)) return made(id);
    throw new ProviderError('not_found', `Lambda has no image ${JSON.stringify(id)}, by id or by family`);
  }

  /** All instances come in one answer. */
  #listed(signal?: AbortSignal): AsyncGenerator<Listed> {
    const call = { method: 'GET', path: '/instances', kind: 'read', maxBytes: MAX_LIST_BYTES } as const;
    const answer = async () => (await this.#api.call({ ...call, schema: lambdaListSchema, signal })).data;
    return wholeList(answer, (element, observedAt) => {
      const instance = listedLambdaSchema.parse(element);
      return instance && mapInstance(instance, observedAt);
    });
  }
}

/** What a launch cannot change: a type has its GPUs and its disk. */
function assertFits({ offer, gpuNum, rootfsSize }: CreateSpec): void {
  const { gpus, storageGib } = offer.details ?? {};
  const refuse = (why: string) => new ProviderError('validation', `${offer.productId} of Lambda ${why}`);
  if (gpus !== undefined && gpus !== gpuNum) throw refuse(`has ${gpus} GPUs, not ${gpuNum}`);
  if (typeof storageGib === 'number' && storageGib < rootfsSize) {
    throw refuse(`has ${storageGib} GiB of storage, less than rootfsSize ${rootfsSize}`);
  }
}

function assertChanged(what: string, changed: readonly { id: string }[], id: string): void {
  if (changed.some((each) => each.id === id)) return;
  throw new ProviderError('transient', `Lambda does not show ${id} among the instances that it ${what}`);
}

/** The link to Jupyter is left out: it is a password. */
function mapInstance(raw: LambdaInstance, observedAt = new Date().toISOString()): Instance {
  const status = STATUS.get(raw.status) ?? 'unknown';
  return {
    id: raw.id,
    name: raw.name ?? '',
    status,
    rawStatus: raw.status,
    healthy: status === 'running',
    ...defined({
      reason: status === 'failed' ? 'the instance does not answer' : undefined,
      region: raw.region?.name,
      productId: raw.instance_type?.name,
      gpuNum: raw.instance_type?.specs?.gpus,
      pricePerHour: priceOf(raw.instance_type?.price_cents_per_hour),
    }),
    endpoints:
      status === 'running' && raw.ip ? [{ port: 22, protocol: 'tcp', url: `tcp://${raw.ip}:22` }] : [],
    observedAt,
  };
}

/** A price of 0 is none. */
function priceOf(cents = 0): number | undefined {
  return cents > 0 ? amountOf(cents, 1, CENT_DECIMALS) : undefined;
}

function mapOffer(offered: LambdaOffered, query: OfferQuery): Offer | undefined {
  const { name, gpu_description, price_cents_per_hour: cents = 0, specs } = offered.instance_type;
  const { gpus, storage_gib: storageGib } = specs ?? {};
  const isNamed = name === query.productName || gpu_description === query.productName;
  const isThere = offered.regions_with_capacity_available?.some(
    ({ name: region }) => region === query.region,
  );
  const isTooSmall =
    query.rootfsSize !== undefined && storageGib !== undefined && storageGib < query.rootfsSize;
  const pricePerHour = priceOf(cents);
  if (!isNamed || !isThere || isTooSmall || gpus !== query.gpuNum || !pricePerHour) return undefined;
  if (query.billingMode === 'spot') return undefined;
  return {
    productId: name,
    productName: query.productName,
    region: query.region,
    billingMode: 'on_demand',
    pricePerHour,
    details: defined({ gpus, storageGib }),
  };
}
