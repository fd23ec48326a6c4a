/** Answers of the API in Jetfleet's terms, and requests in those of the API. */
import type * as z from 'zod';
import { defined } from '../../jobs/defined.js';
import type { BillingMode, Instance, InstanceStatus, Offer, OfferQuery, Template } from '../provider.js';
import { ProviderError } from '../provider-error.js';
import type { NovitaCluster, NovitaInstance, NovitaProduct, novitaTemplateSchema } from './novita-schemas.js';

/** Novita's status words in Jetfleet's vocabulary. */
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
  return {
    id: raw.id,
    name: raw.name ?? '',
    status,
    rawStatus: raw.status,
    healthy: status === 'running' && reason === undefined,
    ...defined({
      reason,
      region: regionOf(raw) || undefined,
      productId: raw.productId || undefined,
      gpuNum: raw.gpuNum,
      isInterrupted: raw.spotStatus && raw.spotStatus !== 'running' ? true : undefined,
    }),
    endpoints: (raw.portMappings ?? []).flatMap((mapping) => {
      const { port, endpoint, type } = mapping ?? {};
      return port !== undefined && endpoint
        ? [{ port, protocol: type || 'tcp', url: endpointUrl(endpoint, type) }]
        : [];
    }),
    ...defined({ createdAt: toIso(raw.createdAt), startedAt: toIso(raw.lastStartedAt) }),
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

/** The year 2100. A later time is no time of an instance, and one in milliseconds is read as one. */
const MAX_UNIX_SECONDS = 4_102_444_800;

/** Unix seconds as text; `0`, `-1` and the empty string stand for none. */
function toIso(seconds: string | undefined): string | undefined {
  const value = Number(seconds ?? '');
  return value > 0 && value <= MAX_UNIX_SECONDS ? new Date(value * 1000).toISOString() : undefined;
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
  const pricePerHour = wholePrice(priceOf(product, query.billingMode));
  if (product.name !== query.productName || product.availableDeploy !== true) return undefined;
  if (product.inventoryState === 'none' || pricePerHour === undefined) return undefined;
  return {
    productId: product.id,
    productName: product.name,
    region: query.region,
    ...(clusterId && { clusterId }),
    billingMode: query.billingMode,
    pricePerHour,
  };
}

/** A price in the API's unit, or undefined where there is none that can be read. */
function priceOf({ price, spotPrice }: NovitaProduct, billingMode: BillingMode): number | undefined {
  return billingMode === 'spot' ? spotPrice : price;
}

/** The price for which a product that was asked for makes no offer, where it has one. */
export function refusedPrice(product: NovitaProduct, query: OfferQuery): number | undefined {
  const price = priceOf(product, query.billingMode);
  const isRefused = product.name === query.productName && wholePrice(price) === undefined;
  return isRefused && price !== 0 ? price : undefined;
}

/** How much of a price a fraction may make: rounding noise, and no unit. */
const MAX_PRICE_FRACTION = 0.001;

/** A price whose fraction counts is in another unit, such as 0.35 USD; rounded it would be the cheapest of all. */
function wholePrice(price = 0): number | undefined {
  const rounded = Math.round(price);
  return rounded > 0 && Math.abs(price - rounded) <= rounded * MAX_PRICE_FRACTION ? rounded : undefined;
}

/** Whether a product is rented in a region. The API documents an empty list as every cluster. */
export function isOfferedIn({ regions }: NovitaProduct, region: string): boolean {
  if (regions === undefined) return false;
  return !regions?.length || regions.some((each) => namesRegion(each, region));
}

/**
 * A template in Jetfleet's terms.
 * @throws ProviderError `validation` when it names no image
 */
export function mapTemplate(id: string, { template }: z.output<typeof novitaTemplateSchema>): Template {
  const { image, imageAuth, startCommand, entrypoint, minCudaVersion } = template;
  if (!image) throw new ProviderError('validation', `template ${id} of Novita names no image`);
  const tools = (template.tools ?? []).map(({ name, port, type }) => ({ name, ...filled({ port, type }) }));
  const networkVolumes = (template.volumes ?? []).flatMap((volume) =>
    volume.type === 'network' && volume.id ? [{ id: volume.id, mountPath: volume.mountPath ?? '' }] : [],
  );
  // Documented as the id of a registry login, which never has a colon; credentials read `user:password`.
  const auth = imageAuth?.includes(':') ? { imageAuth } : { imageAuthId: imageAuth };
  return {
    id: template.Id || id,
    image,
    ...filled({ ...auth, startCommand, entrypoint, minCudaVersion }),
    ports: (template.ports ?? []).flatMap(({ type, ports }) =>
      (ports ?? []).map((port) => ({ port, protocol: type })),
    ),
    envs: (template.envs ?? []).map(({ key, value }) => ({ key, value: value ?? '' })),
    ...(tools.length > 0 && { tools }),
    ...(networkVolumes.length > 0 && { networkVolumes }),
  };
}

/** What a template adds to the body of a create, in the API's names. */
export function toCreateFields(template: Template): Record<string, unknown> {
  const { imageAuth, imageAuthId, startCommand, entrypoint, minCudaVersion } = template;
  const { image, ports, envs, tools, networkVolumes } = template;
  return {
    imageUrl: image,
    ...filled({
      imageAuth,
      imageAuthId,
      command: startCommand,
      entrypoint,
      minCudaVersion,
      ports: toPortsString(ports),
    }),
    envs,
    ...defined({
      tools,
      networkStorages: networkVolumes?.map(({ id, mountPath }) => ({
        Id: id,
        ...filled({ mountPoint: mountPath }),
      })),
    }),
  };
}

/** Ports in the API's form: `80/http, 3306/tcp`. */
export function toPortsString(ports: Template['ports']): string {
  return ports.map(({ port, protocol }) => `${port}/${protocol}`).join(', ');
}

/** Without what is undefined or empty. */
function filled<T extends Record<string, string | undefined>>(texts: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text)) as { [K in keyof T]?: string };
}
