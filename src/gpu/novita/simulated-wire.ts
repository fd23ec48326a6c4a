/** Instances as Novita takes and shows them. */
import * as z from 'zod';
import type { SimulatedInstance, SimulatedInstances } from '../simulator/instances.js';
import { REGISTRY_AUTHS } from './simulated-catalogue.js';

/** What a create takes. */
export const createSchema = z.object({
  name: z.string().max(255).default(''),
  productId: z.string().min(1),
  gpuNum: z.int().min(1).max(8),
  rootfsSize: z.int().min(10).max(6144),
  imageUrl: z.string().min(1).max(500),
  kind: z.enum(['gpu', 'cpu']),
  imageAuth: z
    .string()
    .regex(/^([^:]+:.+)?$/, 'must read "username:password"')
    .optional(),
  imageAuthId: z
    .string()
    .default('')
    .refine((id) => id === '' || REGISTRY_AUTHS.some((auth) => auth.id === id), 'no such registry auth'),
  ports: z
    .string()
    .regex(/^(\d{1,5}\/(tcp|http)(, ?\d{1,5}\/(tcp|http)){0,14})?$/, 'must read "80/http, 3306/tcp"')
    .refine((ports) => !/\b222[234]\//.test(ports), 'ports 2222 to 2224 are reserved')
    .default('')
    .transform((ports) => ports.split(', ').filter(Boolean).map(parsePort)),
  envs: z
    .array(z.object({ key: z.string().min(1).max(511), value: z.string().max(4095) }))
    .max(100)
    .default([]),
  command: z.string().max(2047).default(''),
  entrypoint: z.string().max(2047).default(''),
  minCudaVersion: z
    .string()
    .regex(/^(\d+\.\d+)?$/, 'must read "12.4"')
    .optional(),
  tools: z
    .array(
      z.object({ name: z.enum(['Jupyter']), port: z.string().regex(/^\d+$/), type: z.enum(['tcp', 'http']) }),
    )
    .default([]),
  networkStorages: z
    .array(z.object({ Id: z.string(), mountPoint: z.string().default('/network') }))
    .max(30)
    .default([]),
  clusterId: z.string().default(''),
  billingMode: z.enum(['onDemand', 'monthly', 'spot']).default('onDemand'),
});
type Created = z.output<typeof createSchema>;

/** An instance as the API shows it: numbers as strings where Novita has them so. */
export function wireOf(instances: SimulatedInstances, instance: SimulatedInstance): Record<string, unknown> {
  const { product, cluster, gpuNum } = instance;
  const created = instance.wire as Created;
  const status = instances.status(instance);
  const message = instances.failureOf(instance);
  const isRunning = status === 'running';
  return {
    id: instance.id,
    name: instance.name,
    clusterId: cluster.id,
    clusterName: cluster.name,
    status,
    imageUrl: created.imageUrl,
    imageAuthId: created.imageAuthId,
    command: created.command,
    entrypoint: created.entrypoint,
    gpuNum: String(gpuNum),
    cpuNum: String(gpuNum * 16),
    memory: String(gpuNum * 64),
    rootfsSize: created.rootfsSize,
    portMappings: instance.ports.map(({ port, type }) => ({
      port,
      type,
      endpoint: isRunning ? endpointOf(instance.id, port, type) : '',
    })),
    productId: product.id,
    productName: product.name,
    statusError: { state: message ? 'pulling' : instances.unhealthyState(instance), message },
    envs: created.envs,
    kind: 'gpu',
    billingMode: created.billingMode,
    endTime: '-1',
    spotStatus: spotStatusOf(instances, instance, isRunning),
    spotReclaimTime: instance.reclaimAtMs === undefined ? '0' : seconds(instance.reclaimAtMs),
    createdAt: seconds(instance.createdAtMs),
    lastStartedAt: seconds(instances.startedAtMs(instance)),
    lastStoppedAt: seconds(instance.stoppedAtMs),
  };
}

function spotStatusOf(
  instances: SimulatedInstances,
  instance: SimulatedInstance,
  isRunning: boolean,
): string {
  if (instance.reclaimAtMs !== undefined) return instances.isReclaimed(instance) ? 'terminated' : 'notified';
  return instance.isSpot && isRunning ? 'running' : '';
}

function parsePort(text: string): { port: number; type: string } {
  const [port, type = 'tcp'] = text.split('/');
  return { port: Number(port), type };
}

function seconds(timeMs: number): string {
  return String(Math.floor(timeMs / 1000));
}

function endpointOf(id: string, port: number, type: string): string {
  const host = `${id}-${port}.simulator.invalid`;
  return type === 'http' ? `https://${host}` : `${host}:${port}`;
}
