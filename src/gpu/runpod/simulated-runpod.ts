import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import type { QuotaState } from '../simulator/call-limits.js';
import type { Faults, FaultTarget } from '../simulator/faults.js';
import type { SimulatedInstance, SimulatedInstances } from '../simulator/instances.js';
import { applyOutside, isHidden, listedNow, readNow, remove, rent } from '../simulator/renting.js';
import { Simulator, type SimulatorOptions } from '../simulator/simulator.js';
import {
  type Answer,
  namesOf,
  ok,
  type Reply,
  type RequestRecord,
  type SimulatedWire,
} from '../simulator/wire.js';
import { RUNPOD_API_PATH, RUNPOD_OPERATIONS } from './runpod-provider.js';

/** Data centers and types of GPU in the form of the API's examples; prices are USD per hour for one GPU. */
const DATA_CENTERS = ['US-KS-2', 'EU-RO-1', 'US-CA-2', 'AP-JP-1'].map((id) => ({ id, name: id }));
const everywhere = DATA_CENTERS.map(({ id }) => id);
const GPU_TYPES = [
  {
    id: 'NVIDIA GeForce RTX 4090',
    name: 'RTX 4090',
    memory: 24,
    secure: 0.69,
    community: 0.34,
    in: everywhere,
  },
  { id: 'NVIDIA L40S', name: 'L40S', memory: 48, secure: 0.86, community: 0.79, in: ['EU-RO-1', 'US-CA-2'] },
  { id: 'NVIDIA H100 80GB HBM3', name: 'H100 SXM', memory: 80, secure: 2.69, community: 0, in: ['US-KS-2'] },
];
const MAX_COUNT = { secure: 8, community: 4 };
const REGISTRIES = ['clz1registry'];
const TEMPLATES = [
  {
    id: '9x4m2p7v',
    name: 'PyTorch',
    image: 'runpod/pytorch:1.0.2-cu1281-torch280-ubuntu2404',
    args: '',
    ports: ['8888/http', '22/tcp'],
    env: { JUPYTER_ENABLE_LAB: 'yes' },
    registry: null,
    startSsh: true,
  },
  {
    id: 'privatetpl',
    name: 'private registry',
    image: 'registry.example.com/team/worker:1',
    args: 'serve --all',
    ports: [],
    env: { MODE: 'batch' },
    registry: 'clz1registry',
    startSsh: false,
  },
];

/** `CreatePodRequest`: unknown properties are refused. */
const createSchema = z.strictObject({
  name: z.string().min(1).max(191),
  templateId: z.string().min(1).optional(),
  image: z.string().min(1).optional(),
  gpu: z.strictObject({ id: z.string(), count: z.int().min(1).default(1) }),
  cloud: z.enum(['SECURE', 'COMMUNITY']).default('SECURE'),
  dataCenterIds: z.array(z.string()).default([]),
  disk: z.int().min(1).default(50),
  ports: z.array(z.string().regex(/^\d{1,5}\/(tcp|http)$/)).default([]),
  env: z.record(z.string(), z.string()).default({}),
  args: z.string().optional(),
  registry: z.string().nullable().optional(),
});
const actionSchema = z.strictObject({ action: z.enum(['start', 'stop', 'restart']) });

/** The simulator's words as `PodStatus`. */
const STATUS: Readonly<Record<string, string>> = {
  toCreate: 'PROVISIONING',
  creating: 'PROVISIONING',
  pulling: 'STARTING',
  running: 'RUNNING',
  exited: 'EXITED',
  removed: 'TERMINATED',
};

/** RunPod's routes over simulated instances. */
class SimulatedRunpod implements SimulatedWire {
  readonly path = RUNPOD_API_PATH;
  readonly operations = RUNPOD_OPERATIONS;
  readonly routesWithIds = [
    'GET /pods/{id}',
    'DELETE /pods/{id}',
    'POST /pods/{id}/action',
    'GET /templates/{id}',
  ];
  readonly lacks = ['capped_pages', 'numeric_id', 'spot_interrupted'] as const;
  readonly refuse = (status: number, name: string, message: string) => problem(status, name, message);
  readonly refusals = {
    unauthorised: problem(401, 'Unauthorized', 'invalid bearer token'),
    noPath: { status: 404, body: 'no such path' },
    tooMany: problem(429, 'Too Many Requests', 'rate limit exceeded for the minute window'),
  };
  /** Of each window: the quota and what is left of it. */
  readonly quotaHeaders = (quotas: readonly QuotaState[]): Record<string, string> => ({
    ratelimit: quotas
      .map(({ remaining, resetMs }) => `"minute";r=${remaining};t=${Math.ceil(resetMs / 1_000)}`)
      .join(', '),
    'ratelimit-policy': quotas
      .map(({ rate }) => `"minute";q=${rate.max};w=${Math.ceil(rate.perMs / 1_000)}`)
      .join(', '),
  });
  readonly #instances: SimulatedInstances;
  readonly #faults: Faults;

  constructor(instances: SimulatedInstances, faults: Faults) {
    this.#instances = instances;
    this.#faults = faults;
  }

  regionOf({ cluster }: SimulatedInstance): string {
    return cluster.id;
  }

  targetOf({ route, query, body }: RequestRecord): FaultTarget {
    const instance = this.#instances.find(query.id ?? '');
    const { name, gpu } = (body ?? {}) as { name?: unknown; gpu?: { id?: unknown } };
    const texts = [query.id, name, gpu?.id].filter((value) => typeof value === 'string');
    return { route, texts: [...texts, ...(instance ? namesOf(instance).texts : [])] };
  }

  answer({ route, query, body }: RequestRecord): Reply {
    applyOutside(this.#instances, this.#faults);
    switch (route) {
      case 'GET /pods':
        return this.#list();
      case 'POST /pods':
        return this.#create(body);
      case 'GET /pods/{id}': {
        const pod = readNow(this.#instances, query.id ?? '');
        return pod ? ok(this.#wireOf(pod)) : NOT_FOUND;
      }
      case 'DELETE /pods/{id}': {
        const pod = this.#instances.find(query.id ?? '');
        if (!pod) return NOT_FOUND;
        remove(this.#instances, this.#faults, pod);
        return { status: 204 };
      }
      case 'POST /pods/{id}/action':
        return this.#act(query.id ?? '', body);
      case 'GET /templates/{id}': {
        const template = TEMPLATES.find(({ id }) => id === query.id);
        const shown = { disk: 50, mounts: {}, serverless: false, public: false, category: 'NVIDIA' };
        return template
          ? ok({ ...template, ...shown, startJupyter: false, allowedCudaVersions: [] })
          : NOT_FOUND;
      }
      case 'GET /catalog/gpus':
        return this.#gpus(query);
      default:
        return { status: 404, body: 'no such path' };
    }
  }

  #list(): Answer {
    const odd = this.#faults.take('odd_elements', { texts: [] })?.elements ?? [];
    return ok({ pods: [...odd, ...listedNow(this.#instances).map((pod) => this.#wireOf(pod))] });
  }

  #create(body: unknown): Reply {
    const parsed = createSchema.safeParse(body);
    if (!parsed.success) {
      const errors = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
      return problem(422, 'Unprocessable Entity', 'Request validation failed.', errors);
    }
    const { gpu, cloud, dataCenterIds, ports, ...wire } = parsed.data;
    const product = GPU_TYPES.find(({ id }) => id === gpu.id);
    const tier = cloud === 'SECURE' ? 'secure' : 'community';
    if (!product) return problem(400, 'Bad Request', `unknown GPU type ${gpu.id}`);
    if (gpu.count > MAX_COUNT[tier])
      return problem(400, 'Bad Request', `gpu.count is over ${MAX_COUNT[tier]}`);
    const template = TEMPLATES.find(({ id }) => id === wire.templateId);
    if (wire.templateId && !template) return NOT_FOUND;
    if (wire.registry && !REGISTRIES.includes(wire.registry)) return NOT_FOUND;
    const cluster = DATA_CENTERS.find(
      ({ id }) => product.in.includes(id) && (dataCenterIds.length === 0 || dataCenterIds.includes(id)),
    );
    if (!cluster || product[tier] === 0) return NO_CAPACITY;
    const id = randomBytes(7).toString('hex');
    const mapped = ports.map((each) => ({
      port: Number(each.split('/')[0]),
      type: each.split('/')[1] ?? 'tcp',
    }));
    const cost = product[tier] * gpu.count;
    const spec = { id, name: wire.name, gpuNum: gpu.count, isSpot: false, ports: mapped, product, cluster };
    return rent(
      this.#instances,
      this.#faults,
      { ...spec, wire: { ...wire, cloud, cost } },
      {
        created: (pod) => ({ status: 201, body: this.#wireOf(pod) }),
        taken: (status) => problem(status, 'Conflict', `the name ${wire.name} is taken`),
        noCapacity: NO_CAPACITY,
        failed: (status) => problem(status, 'Internal Server Error', 'something went wrong'),
      },
    );
  }

  #act(id: string, body: unknown): Reply {
    const parsed = actionSchema.safeParse(body);
    if (!parsed.success) return problem(422, 'Unprocessable Entity', 'Request validation failed.');
    const pod = this.#instances.find(id);
    if (!pod) return NOT_FOUND;
    const { action } = parsed.data;
    const status = this.#wireOf(pod).status as string;
    if (!(actionsOf(status) as string[]).includes(action)) {
      return problem(409, 'Conflict', `${action} is not valid for a pod that is ${status}`);
    }
    if (action === 'start' && this.#faults.take('no_capacity', namesOf(pod))) return NO_CAPACITY;
    this.#instances.order(pod, action);
    return ok(this.#wireOf(pod));
  }

  #gpus({ cloud = 'SECURE', count = '1' }: Record<string, string>): Answer {
    const gpus = GPU_TYPES.map((product) => {
      const tier = cloud === 'SECURE' ? 'secure' : 'community';
      const isRented = product[tier] > 0 && Number(count) <= MAX_COUNT[tier];
      const dataCenters = DATA_CENTERS.filter(({ id }) => isRented && product.in.includes(id))
        .filter((cluster) => !isHidden(this.#faults, { product, cluster }))
        .map((each) => ({ ...each, availability: 'HIGH' }));
      const { id, name, memory, secure, community } = product;
      return {
        ...{
          id,
          name,
          memory,
          pool: null,
          manufacturer: 'NVIDIA',
          secure: secure > 0,
          community: community > 0,
        },
        price: { secure, community },
        maxCount: MAX_COUNT,
        availability: dataCenters.length > 0 ? 'HIGH' : 'NONE',
        ...(dataCenters.length > 0 && { dataCenters }),
      };
    });
    return ok({ gpus });
  }

  #wireOf(pod: SimulatedInstance): Record<string, unknown> {
    const word = this.#instances.status(pod) ?? 'removed';
    const isBroken = this.#instances.failureOf(pod) !== '' || this.#instances.unhealthyState(pod) !== '';
    const between = pod.order === 'delete' ? 'TERMINATED' : pod.order === 'stop' ? 'EXITED' : 'STARTING';
    const status = isBroken ? 'ERROR' : (STATUS[word] ?? between);
    const isRunning = status === 'RUNNING';
    const startedAtMs = this.#instances.startedAtMs(pod);
    const { cloud, cost, image, templateId, disk, env, registry } = pod.wire;
    return {
      ...{ id: pod.id, name: pod.name, status, actions: actionsOf(status), image, disk, env, args: '' },
      ports: pod.ports.map(({ port, type }) => `${port}/${type}`),
      mounts: {},
      registry: registry ?? null,
      gpu: { id: pod.product.id, count: pod.gpuNum },
      cloud,
      dataCenterId: status === 'PROVISIONING' ? null : pod.cluster.id,
      template: templateId ?? null,
      cost: isRunning ? cost : 0,
      locked: false,
      runtime: isRunning
        ? {
            uptime: Math.floor((Date.now() - startedAtMs) / 1000),
            ports: pod.ports
              .filter(({ type }) => type === 'tcp')
              .map(({ port, type }) => ({ private: port, public: 34_446, type, ip: '192.0.2.3' })),
          }
        : null,
      createdAt: new Date(pod.createdAtMs).toISOString(),
      startedAt: startedAtMs > 0 ? new Date(startedAtMs).toISOString() : null,
    };
  }
}

/** The permitted actions, as the operation `podAction` documents them. */
function actionsOf(status: string): string[] {
  if (status === 'RUNNING') return ['stop', 'restart', 'terminate'];
  if (status === 'EXITED' || status === 'ERROR') return ['start', 'terminate'];
  return status === 'TERMINATED' ? [] : ['stop', 'terminate'];
}

function problem(status: number, title: string, detail: string, errors?: string[]): Answer {
  const body = { title, status, detail, ...(errors && { errors }) };
  return { status, body, headers: { 'content-type': 'application/problem+json' } };
}

const NOT_FOUND = problem(404, 'Not Found', 'resource not found');
const NO_CAPACITY = problem(400, 'Bad Request', 'there are no longer any instances available as requested');

/**
 * Starts a simulated provider that speaks RunPod's API v2.
 * @throws Error when the port cannot be used
 */
export function startRunpodSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  return Simulator.start((instances, faults) => new SimulatedRunpod(instances, faults), options);
}
