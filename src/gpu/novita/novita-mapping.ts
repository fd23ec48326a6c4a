import { z } from 'zod';
import type { BillingMode, Instance, InstanceStatus, Offer, OfferQuery, Template } from '../provider.js';
import { ProviderError } from '../provider-error.js';

/** Numbers arrive as strings in places, and the other way round. */
const text = z.union([z.string(), z.number()]).transform(String);
const number = z
  .union([
    z.number(),
    z
      .string()
      .trim()
      .regex(/^-?\d+(\.\d+)?$/),
  ])
  .transform(Number);
const absentOr = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => (value === null ? undefined : value));

/** An instance as `GET /gpu/instance` gives it: what Jetfleet reads of it, other keys pass. */
export const novitaInstanceSchema = z.looseObject({
  id: text.pipe(z.string().min(1)),
  name: absentOr(text),
  status: z.string(),
  clusterId: absentOr(z.string()),
  clusterName: absentOr(z.string()),
  productId: absentOr(text),
  portMappings: absentOr(
    z.array(z.looseObject({ port: number, endpoint: absentOr(z.string()), type: absentOr(z.string()) })),
  ),
  statusError: absentOr(z.looseObject({ state: absentOr(z.string()), message: absentOr(z.string()) })),
  spotStatus: absentOr(z.string()),
  spotReclaimTime: absentOr(text),
  createdAt: absentOr(text),
  lastStartedAt: absentOr(text),
  lastStoppedAt: absentOr(text),
});
export type NovitaInstance = z.output<typeof novitaInstanceSchema>;

/** An empty list may come as null, which counts only beside a total of 0. */
export const novitaInstanceListSchema = z
  .looseObject({ instances: z.array(novitaInstanceSchema).nullable(), total: absentOr(number) })
  .refine(({ instances, total }) => instances !== null || total === 0, 'instances is null')
  .transform(({ instances, total }) => ({ instances: instances ?? [], total }));

/** What stop and delete answer: nothing, or an object of no interest. */
export const novitaActionSchema = z.looseObject({}).nullable();

export const novitaCreatedSchema = z.looseObject({ id: text.pipe(z.string().min(1)) });

export const novitaProductSchema = z.looseObject({
  id: text,
  name: z.string(),
  availableDeploy: absentOr(z.boolean()),
  inventoryState: absentOr(z.string()),
  regions: absentOr(z.array(z.string())),
  price: absentOr(number),
  spotPrice: absentOr(z.union([number, z.literal('').transform(() => undefined)])),
});
export type NovitaProduct = z.output<typeof novitaProductSchema>;
export const novitaProductListSchema = z.looseObject({ data: z.array(novitaProductSchema).nullable() });

export const novitaClusterListSchema = z.looseObject({
  data: z.array(z.looseObject({ id: z.string().min(1), name: absentOr(z.string()) })).nullable(),
});
export type NovitaCluster = { id: string; name?: string | undefined };

export const novitaTemplateSchema = z.looseObject({
  template: z.looseObject({
    Id: absentOr(text),
    image: absentOr(z.string()),
    imageAuth: absentOr(z.string()),
    startCommand: absentOr(z.string()),
    ports: absentOr(z.array(z.looseObject({ type: z.string(), ports: absentOr(z.array(number)) }))),
    envs: absentOr(z.array(z.looseObject({ key: z.string(), value: absentOr(text) }))),
  }),
});

/** `research/providers.md` 3.6: Novita's status words in Jetfleet's vocabulary. */
const STATUS: ReadonlyMap<string, InstanceStatus> = new Map([
  ['toCreate', 'pending'],
  ['creating', 'pending'],
  ['pulling', 'provisioning'],
  ['toStart', 'provisioning'],
  ['starting', 'provisioning'],
  ['toRestart', 'provisioning'],
  ['restarting', 'provisioning'],
  ['toReset', 'provisioning'],
  ['resetting', 'provisioning'],
  ['running', 'running'],
  ['toStop', 'stopping'],
  ['stopping', 'stopping'],
  ['exited', 'stopped'],
  ['freezing', 'stopped'],
  ['migrating', 'migrating'],
  ['toRemove', 'terminating'],
  ['removing', 'terminating'],
  ['removed', 'terminated'],
]);

/**
 * Status of an instance. Removal outranks everything, then a reclaimed spot instance, then a reported error, then
 * the status word; a word that is not known is `unknown`.
 */
export function mapStatus(raw: NovitaInstance): InstanceStatus {
  const status = STATUS.get(raw.status) ?? 'unknown';
  if (status === 'terminating' || status === 'terminated') return status;
  if (raw.spotStatus === 'reclaiming' || raw.spotStatus === 'terminated') return 'preempted';
  if (raw.statusError?.message) return 'failed';
  return raw.status === 'exited' && exitedByItself(raw) ? 'failed' : status;
}

/** Exited without ever having run. One that was stopped while starting is merely stopped. */
function exitedByItself({ lastStartedAt, lastStoppedAt }: NovitaInstance): boolean {
  if (lastStartedAt === undefined) return false;
  return toIso(lastStartedAt) === undefined && toIso(lastStoppedAt) === undefined;
}

/** An instance in Jetfleet's terms. `observedAt` defaults to now. */
export function mapInstance(raw: NovitaInstance, observedAt = new Date().toISOString()): Instance {
  const status = mapStatus(raw);
  const reason = reasonOf(raw, status);
  const region = regionOf(raw);
  const createdAt = toIso(raw.createdAt);
  return {
    id: raw.id,
    name: raw.name ?? '',
    status,
    rawStatus: raw.status,
    healthy: status === 'running' && reason === undefined,
    ...(reason !== undefined && { reason }),
    ...(region && { region }),
    ...(raw.productId && { productId: raw.productId }),
    endpoints: (raw.portMappings ?? []).flatMap(({ port, endpoint, type }) =>
      endpoint ? [{ port, protocol: type || 'tcp', url: endpointUrl(endpoint, type) }] : [],
    ),
    ...(createdAt && { createdAt }),
    observedAt,
  };
}

function reasonOf(raw: NovitaInstance, status: InstanceStatus): string | undefined {
  const error = raw.statusError?.message || raw.statusError?.state;
  if (error) return error;
  if (status === 'failed') return 'exited before it ran';
  if (!raw.spotStatus || raw.spotStatus === 'running') return undefined;
  const at = toIso(raw.spotReclaimTime);
  return `spot instance ${raw.spotStatus}${at ? `, reclaim at ${at}` : ''}`;
}

/** The code of the region: cluster names read `US-CA-06 (California)` or are the code itself. */
function regionOf({ clusterName, clusterId }: NovitaInstance): string | undefined {
  return clusterName?.match(/^[A-Z]+(?:-[A-Z0-9]+)+/)?.[0] ?? (clusterName || clusterId);
}

function endpointUrl(endpoint: string, type: string | undefined): string {
  if (endpoint.includes('://')) return endpoint;
  return `${type === 'http' ? 'https' : 'tcp'}://${endpoint}`;
}

/** Unix seconds as text; `0`, `-1` and the empty string stand for none. */
function toIso(seconds: string | undefined): string | undefined {
  const date = new Date(Number(seconds ?? '') * 1000);
  return date.getTime() > 0 ? date.toISOString() : undefined;
}

/** Jetfleet's billing mode as the API spells it. */
export function toNovitaBilling(mode: BillingMode): 'spot' | 'onDemand' {
  return mode === 'spot' ? 'spot' : 'onDemand';
}

/**
 * Clusters that serve a region: those whose id or name has the region's code as a whole word, in any case. So
 * `US-CA-06` finds `{id: 'us-ca-06'}` and `{id: 'us-ca-6', name: 'US-CA-06 (California)'}`.
 */
export function clustersOf(region: string, clusters: readonly NovitaCluster[]): NovitaCluster[] {
  return clusters.filter(({ id, name }) => namesRegion(`${id} ${name ?? ''}`, region));
}

/** Whether a text such as `US-CA-06 (California)` has the code of a region as a whole word, in any case. */
export function namesRegion(text: string, region: string): boolean {
  const words = text.toUpperCase().split(/[^A-Z0-9-]+/);
  return region !== '' && words.includes(region.toUpperCase());
}

/**
 * The offer that a product makes, or undefined when its name differs (the API matches fuzzily), it cannot be
 * deployed, or it has no price in this billing mode. Prices are 1/100,000 USD per hour on both sides.
 */
export function mapOffer(product: NovitaProduct, query: OfferQuery, clusterId?: string): Offer | undefined {
  const price = query.billingMode === 'spot' ? product.spotPrice : product.price;
  if (product.name !== query.productName || product.availableDeploy !== true) return undefined;
  if (product.inventoryState === 'none' || price === undefined || price <= 0) return undefined;
  return {
    productId: product.id,
    productName: product.name,
    region: query.region,
    ...(clusterId && { clusterId }),
    billingMode: query.billingMode,
    pricePerHour: Math.round(price),
  };
}

/**
 * A template in Jetfleet's terms.
 * @throws ProviderError `validation` when it names no image
 */
export function mapTemplate(id: string, { template }: z.output<typeof novitaTemplateSchema>): Template {
  if (!template.image) throw new ProviderError('validation', `template ${id} of Novita names no image`);
  return {
    id: template.Id || id,
    image: template.image,
    ...(template.imageAuth && { imageAuth: template.imageAuth }),
    ...(template.startCommand && { startCommand: template.startCommand }),
    ports: (template.ports ?? []).flatMap(({ type, ports }) =>
      (ports ?? []).map((port) => ({ port, protocol: type })),
    ),
    envs: (template.envs ?? []).map(({ key, value }) => ({ key, value: value ?? '' })),
  };
}

/** Ports in the API's form: `80/http, 3306/tcp`. */
export function toPortsString(ports: Template['ports']): string {
  return ports.map(({ port, protocol }) => `${port}/${protocol}`).join(', ');
}
