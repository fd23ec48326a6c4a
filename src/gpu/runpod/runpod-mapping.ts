/** Pods in Jetfleet's terms, and requests in those of the API. */
import type * as z from 'zod';
import { amountOf } from '../../jobs/amount.js';
import { defined } from '../../jobs/defined.js';
import { assertHasNone } from '../api/template-fields.js';
import type { CreateSpec, Instance, InstanceStatus, Offer, OfferQuery, Template } from '../provider.js';
import { ProviderError } from '../provider-error.js';
import type { GpuType, Pod, podTemplateSchema } from './runpod-schemas.js';

/** `PodStatus` in Jetfleet's vocabulary. RunPod gives no notice before it takes an interruptible pod away. */
const STATUS: ReadonlyMap<string, InstanceStatus> = new Map([
  ['PROVISIONING', 'pending'],
  ['STARTING', 'provisioning'],
  ['RUNNING', 'running'],
  ['EXITED', 'stopped'],
  ['ERROR', 'failed'],
  ['TERMINATED', 'terminated'],
]);

/** The two tiers of machines. A price is quoted for each. */
export const CLOUDS = ['SECURE', 'COMMUNITY'] as const;
export type Cloud = (typeof CLOUDS)[number];

/** A pod in Jetfleet's terms. `observedAt` defaults to now. */
export function mapPod(pod: Pod, observedAt = new Date().toISOString()): Instance {
  const status = STATUS.get(pod.status) ?? 'unknown';
  return {
    id: pod.id,
    name: pod.name ?? '',
    status,
    rawStatus: pod.status,
    healthy: status === 'running',
    ...defined({
      reason: status === 'failed' ? 'the container is in an unrecoverable error state' : undefined,
      region: pod.dataCenterId || undefined,
      productId: pod.gpu?.id || undefined,
      gpuNum: pod.gpu?.count,
      // It is 0 for one that does not run.
      pricePerHour: pod.cost ? amountOf(pod.cost) : undefined,
      createdAt: isoOf(pod.createdAt),
      startedAt: isoOf(pod.startedAt),
    }),
    endpoints: status === 'running' ? endpointsOf(pod) : [],
    observedAt,
  };
}

function isoOf(time: string | undefined): string | undefined {
  const ms = Date.parse(time ?? '');
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}

/** `http` ports are reached by RunPod's proxy, others by the address that the running pod was given. */
function endpointsOf({ id, ports, runtime }: Pod): Instance['endpoints'] {
  const proxied = (ports ?? []).flatMap((each) => {
    const [port, protocol] = each?.split('/') ?? [];
    return protocol === 'http'
      ? [{ port: Number(port), protocol, url: `https://${id}-${port}.proxy.runpod.net` }]
      : [];
  });
  const direct = (runtime?.ports ?? []).flatMap((mapping) => {
    const { private: port, public: outside, ip, type } = mapping ?? {};
    return port !== undefined && outside !== undefined && ip && type !== 'http'
      ? [{ port, protocol: type || 'tcp', url: `${type || 'tcp'}://${ip}:${outside}` }]
      : [];
  });
  return [...proxied, ...direct];
}

/** The offer that a type of GPU makes in a tier; the list price is for one GPU. */
export function mapGpuOffer(gpu: GpuType, cloud: Cloud, query: OfferQuery): Offer | undefined {
  const tier = cloud === 'SECURE' ? 'secure' : 'community';
  const price = amountOf(gpu.price?.[tier] ?? 0, query.gpuNum) ?? 0;
  const isThere = gpu.dataCenters?.some(
    ({ id, availability }) => id === query.region && availability !== undefined && availability !== 'NONE',
  );
  const isNamed = gpu.name === query.productName || gpu.id === query.productName;
  if (!isNamed || !isThere || price <= 0 || (gpu.maxCount?.[tier] ?? query.gpuNum) < query.gpuNum) {
    return undefined;
  }
  return {
    productId: gpu.id,
    productName: query.productName,
    region: query.region,
    billingMode: 'on_demand',
    pricePerHour: price,
    details: { cloud, gpus: query.gpuNum },
  };
}

/** @throws ProviderError `validation` for a template of serverless workers */
export function mapPodTemplate(id: string, template: z.output<typeof podTemplateSchema>): Template {
  if (template.serverless) {
    throw new ProviderError('validation', `template ${id} of RunPod is for serverless workers, not for pods`);
  }
  const { args, registry, ports, env } = template;
  return {
    id: template.id,
    image: template.image,
    ...defined({ startCommand: args || undefined, imageAuthId: registry || undefined }),
    ports: (ports ?? []).map((each) => {
      const [port, protocol = 'tcp'] = each.split('/');
      return { port: Number(port), protocol };
    }),
    envs: Object.entries(env ?? {}).map(([key, value]) => ({ key, value })),
  };
}

/** What a pod takes from the template at RunPod alone, or not at all. */
const NOT_SENT = ['imageAuth', 'entrypoint', 'minCudaVersion', 'tools', 'networkVolumes'] as const;

/** The template is named too: what Jetfleet does not read of it, such as `startSsh`, applies all the same. */
export function toCreatePod({
  name,
  offer,
  template,
  gpuNum,
  rootfsSize,
}: CreateSpec): Record<string, unknown> {
  assertHasNone('RunPod', template, NOT_SENT);
  const { gpus } = offer.details ?? {};
  if (gpus !== undefined && gpus !== gpuNum) {
    throw new ProviderError(
      'validation',
      `offer ${offer.productId} of RunPod has ${gpus} GPUs, not ${gpuNum}`,
    );
  }
  const { image, startCommand, imageAuthId, ports, envs } = template;
  return {
    name,
    templateId: template.id,
    image,
    gpu: { id: offer.productId, count: gpuNum },
    cloud: offer.details?.cloud ?? 'SECURE',
    dataCenterIds: [offer.region],
    disk: rootfsSize,
    ports: ports.map(({ port, protocol }) => `${port}/${protocol}`),
    env: Object.fromEntries(envs.map(({ key, value }) => [key, value])),
    ...defined({ args: startCommand, registry: imageAuthId }),
  };
}
