/** Vast's instances and offers in Jetfleet's terms, and requests in those of the API. */
import { isDeepStrictEqual } from 'node:util';
import { amountOf } from '../../jobs/amount.js';
import { defined } from '../../jobs/defined.js';
import { assertHasNone } from '../api/template-fields.js';
import type { CreateSpec, Instance, InstanceStatus, Offer, OfferQuery, Template } from '../provider.js';
import { ProviderError } from '../provider-error.js';
import { parseDockerFlags, toEnvObject } from './docker-flags.js';
import type { VastInstance, VastOffer, VastTemplate } from './vast-schemas.js';

/**
 * `actual_status` in Jetfleet's vocabulary. By the documentation `exited`, `unknown` and `offline` never come to run: "destroy and
 * retry". `unknown` and `offline` are left out: a machine whose host is not heard for a moment is both, so that the time to wait decides. `frozen` is left out,
 * since its GPU is paid for as that of one that runs.
 */
const STATUS: ReadonlyMap<string, InstanceStatus> = new Map([
  ['loading', 'provisioning'],
  ['rebooting', 'provisioning'],
  ['running', 'running'],
  ['stopped', 'stopped'],
  ['exited', 'failed'],
]);
/** The year 2100; a later start is none. */
const MAX_UNIX_SECONDS = 4_102_444_800;

/** What the instance does, against what it was meant to do. */
export function mapVastStatus({
  actual_status: actual,
  intended_status,
  is_bid,
}: VastInstance): InstanceStatus {
  const isStopped = intended_status === 'stopped';
  if (actual === null || actual === undefined) return isStopped ? 'stopped' : 'pending';
  if (isStopped && (actual === 'stopped' || actual === 'exited')) return 'stopped';
  if (isStopped && (actual === 'running' || actual === 'frozen')) return 'stopping';
  // Outbid: it is meant to run, and stands still.
  if (is_bid && actual === 'stopped' && intended_status === 'running') return 'preempted';
  return STATUS.get(actual) ?? 'unknown';
}

/** An instance in Jetfleet's terms. `observedAt` defaults to now. */
export function mapVastInstance(raw: VastInstance, observedAt = new Date().toISOString()): Instance {
  const status = mapVastStatus(raw);
  const isBroken = status === 'failed' || status === 'preempted';
  const { start_date: start = 0 } = raw;
  const isTime = start > 0 && start <= MAX_UNIX_SECONDS;
  return {
    id: raw.id,
    name: raw.label ?? '',
    status,
    rawStatus: raw.actual_status ?? '',
    healthy: status === 'running',
    ...defined({
      reason: isBroken ? raw.status_msg?.trim() || `the container is ${raw.actual_status}` : undefined,
      region: countryOf(raw.geolocation),
      productId: raw.machine_id,
      gpuNum: raw.num_gpus,
      pricePerHour: raw.dph_total ? amountOf(raw.dph_total) : undefined,
      createdAt: isTime ? new Date(start * 1000).toISOString() : undefined,
    }),
    endpoints: status === 'running' ? endpointsOf(raw) : [],
    observedAt,
  };
}

/** `{"8888/tcp": [{"HostPort": "20001"}]}` */
function endpointsOf({ ports, public_ipaddr: ip }: VastInstance): Instance['endpoints'] {
  const address = ip?.trim();
  if (!address) return [];
  return Object.entries(ports ?? {}).flatMap(([inside, outside]) => {
    const [port = '', protocol = 'tcp'] = inside.split('/');
    const hostPort = outside?.[0]?.HostPort;
    const host = address.includes(':') ? `[${address}]` : address;
    return /^\d+$/.test(port) && hostPort
      ? [{ port: Number(port), protocol, url: `${protocol}://${host}:${hostPort}` }]
      : [];
  });
}

/** The country of a place: `Washington, US`. */
function countryOf(geolocation: string | undefined): string | undefined {
  return geolocation?.match(/,\s*([A-Z]{2})$/)?.[1] ?? (geolocation || undefined);
}

/** The names of GPUs have blanks in answers, and underscores in the command line. */
const spelled = (name: string | undefined) => name?.replaceAll('_', ' ');

/** What `POST /bundles/` is asked. */
export function toOfferSearch(query: OfferQuery, limit: number): Record<string, unknown> {
  const { productName, region, gpuNum, billingMode, rootfsSize } = query;
  return {
    limit,
    type: billingMode === 'spot' ? 'bid' : 'ondemand',
    verified: { eq: true },
    rentable: { eq: true },
    rented: { eq: false },
    gpu_name: { in: [spelled(productName)] },
    num_gpus: { in: [gpuNum] },
    geolocation: { in: [region] },
    order: [['dph_total', 'asc']],
    ...(rootfsSize !== undefined && { allocated_storage: rootfsSize, disk_space: { gte: rootfsSize } }),
  };
}

/** An ask: one machine, which is gone once somebody has taken it. */
export function mapVastOffer(offer: VastOffer, query: OfferQuery): Offer | undefined {
  const isSpot = query.billingMode === 'spot';
  const { dph_total: perHour = 0, min_bid: minBid = 0 } = offer;
  const fits = spelled(offer.gpu_name) === spelled(query.productName) && offer.num_gpus === query.gpuNum;
  if (!fits || countryOf(offer.geolocation) !== query.region || perHour <= 0) return undefined;
  if (isSpot && minBid <= 0) return undefined;
  // Hosts set their prices. One that cannot be read is not a cheap one.
  const pricePerHour = amountOf(perHour);
  if (pricePerHour === undefined) return undefined;
  return {
    productId: offer.id,
    productName: query.productName,
    region: query.region,
    billingMode: query.billingMode,
    pricePerHour: Math.max(1, pricePerHour),
    details: { gpus: query.gpuNum, ...(isSpot && { bid: minBid }) },
  };
}

/** What a template has beside its image, by its ports: a create sends it only where it is not the template's own any more. */
const flagsByPorts = new WeakMap<Template['ports'], string>();

export function mapVastTemplate(template: VastTemplate): Template {
  const { hash_id: id, image, tag, env, onstart } = template;
  const flags = env ?? '';
  const { envs, ports } = parseDockerFlags(flags);
  flagsByPorts.set(ports, flags);
  // A registry may have a port: `registry:5000/team/worker`.
  const isTagged = /[:@]/.test(image.slice(image.lastIndexOf('/') + 1));
  return {
    id,
    image: tag && !isTagged ? `${image}:${tag}` : image,
    ...defined({ startCommand: onstart || undefined }),
    envs,
    ports,
  };
}

/** Vast merges what a create has with the template: what is the template's own is left to it, in its own form. */
function changedEnvOf({ envs, ports }: Template): Record<string, string> | undefined {
  const flags = flagsByPorts.get(ports);
  const isOwn = flags !== undefined && isDeepStrictEqual(parseDockerFlags(flags), { envs, ports });
  return isOwn ? undefined : toEnvObject({ envs, ports }, flags);
}

const NOT_SENT = [
  'imageAuth',
  'imageAuthId',
  'entrypoint',
  'minCudaVersion',
  'tools',
  'networkVolumes',
] as const;

/** The template is named too: its login, its launch mode and what else Jetfleet does not read of it apply all the same. */
export function toCreateVast({
  name,
  offer,
  template,
  gpuNum,
  rootfsSize,
}: CreateSpec): Record<string, unknown> {
  assertHasNone('Vast', template, NOT_SENT);
  const { gpus, bid } = offer.details ?? {};
  if (gpus !== undefined && gpus !== gpuNum) {
    throw new ProviderError('validation', `offer ${offer.productId} of Vast has ${gpus} GPUs, not ${gpuNum}`);
  }
  return {
    label: name,
    template_hash_id: template.id,
    image: template.image,
    disk: rootfsSize,
    target_state: 'running',
    // Else an instance that cannot start now would stay, stopped and paid for.
    cancel_unavail: true,
    ...defined({ onstart: template.startCommand, price: bid, env: changedEnvOf(template) }),
  };
}
