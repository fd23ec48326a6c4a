import { randomBytes } from 'node:crypto';
import * as z from 'zod';
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
import { LAMBDA_API_PATH, LAMBDA_OPERATIONS } from './lambda-provider.js';

const REGIONS = ['us-east-1', 'us-west-1', 'us-tx-3', 'europe-central-1'].map((id) => ({ id, name: id }));
/** Two types describe the same GPU, as those of one GPU with more or less storage do. Prices are cents per hour. */
const TYPES = [
  {
    id: 'gpu_1x_a10',
    gpu: 'A10 (24 GB PCIe)',
    gpus: 1,
    cents: 75,
    storage: 1_400,
    in: ['us-east-1', 'us-west-1'],
  },
  { id: 'gpu_1x_a10_small', gpu: 'A10 (24 GB PCIe)', gpus: 1, cents: 68, storage: 512, in: ['us-east-1'] },
  {
    id: 'gpu_8x_a100_80gb_sxm4',
    gpu: 'A100 (80 GB SXM4)',
    gpus: 8,
    cents: 1_432,
    storage: 20_000,
    in: ['us-east-1'],
  },
  {
    id: 'gpu_8x_h100_sxm5',
    gpu: 'H100 (80 GB SXM5)',
    gpus: 8,
    cents: 2_392,
    storage: 22_000,
    in: ['us-tx-3'],
  },
].map((type) => ({ ...type, name: type.id }));
const IMAGES = [
  { id: '6f66a86bd8ae4afc8d3f3f7ecb1c2f11', family: 'lambda-stack-24-04', name: 'Lambda Stack 24.04' },
];
export const SIMULATED_SSH_KEY = 'simulator';

/** `LaunchInstanceRequest`. */
const launchSchema = z.looseObject({
  region_name: z.string(),
  instance_type_name: z.string(),
  ssh_key_names: z.array(z.string()).length(1, 'exactly one SSH key must be specified'),
  name: z.string().max(64).optional(),
  user_data: z.string().optional(),
  image: z.union([z.strictObject({ id: z.string() }), z.strictObject({ family: z.string() })]).optional(),
});
const idsSchema = z.looseObject({ instance_ids: z.array(z.string()).min(1) });

/** Lambda Cloud's routes over simulated instances. */
class SimulatedLambda implements SimulatedWire {
  readonly path = LAMBDA_API_PATH;
  readonly operations = LAMBDA_OPERATIONS;
  readonly routesWithIds = ['GET /instances/{id}'];
  readonly lacks = ['capped_pages', 'numeric_id', 'spot_interrupted'] as const;
  readonly refuse = refuse;
  readonly refusals = {
    unauthorised: refuse(401, 'global/invalid-api-key', 'API key was invalid, expired, or deleted.'),
    noPath: { status: 404, body: 'no such path' },
    tooMany: refuse(429, 'global/rate-limited', 'Too many requests.'),
  };
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
    const fields = (body ?? {}) as Record<string, unknown>;
    const id = query.id ?? ([fields.instance_ids].flat()[0] as string | undefined) ?? '';
    const named = [id, fields.name, fields.instance_type_name, fields.region_name];
    const texts = named.filter((value) => typeof value === 'string');
    const instance = this.#instances.find(id);
    return { route, texts: [...texts, ...(instance ? namesOf(instance).texts : [])] };
  }

  answer({ route, query, body }: RequestRecord): Reply {
    applyOutside(this.#instances, this.#faults);
    switch (route) {
      case 'GET /instances': {
        const odd = this.#faults.take('odd_elements', { texts: [] })?.elements ?? [];
        return ok({ data: [...odd, ...listedNow(this.#instances).map((each) => this.#wireOf(each))] });
      }
      case 'GET /instances/{id}': {
        const instance = readNow(this.#instances, query.id ?? '');
        return instance ? ok({ data: this.#wireOf(instance) }) : NO_INSTANCE;
      }
      case 'GET /instance-types':
        return this.#types();
      case 'GET /images':
        return ok({
          data: IMAGES.map((image) => ({ ...image, region: { name: 'us-east-1', description: '' } })),
        });
      case 'POST /instance-operations/launch':
        return this.#launch(body);
      case 'POST /instance-operations/terminate':
        return this.#change('terminated_instances', body, (each) =>
          remove(this.#instances, this.#faults, each),
        );
      case 'POST /instance-operations/restart':
        return this.#change('restarted_instances', body, (each) => this.#instances.order(each, 'restart'));
      default:
        return { status: 404, body: 'no such path' };
    }
  }

  #types(): Answer {
    const types = TYPES.map((product) => {
      const regions = REGIONS.filter(({ id }) => product.in.includes(id))
        .filter((cluster) => !isHidden(this.#faults, { product, cluster }))
        .map(({ name }) => ({ name, description: name }));
      return [
        product.id,
        { instance_type: typeOf(product), regions_with_capacity_available: regions },
      ] as const;
    });
    return ok({ data: Object.fromEntries(types) });
  }

  #launch(body: unknown): Reply {
    const parsed = launchSchema.safeParse(body);
    if (!parsed.success) {
      const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
      return refuse(400, 'global/invalid-parameters', problems.join('; '));
    }
    const {
      region_name: region,
      instance_type_name: type,
      ssh_key_names: keys,
      name = '',
      ...wire
    } = parsed.data;
    const product = TYPES.find(({ id }) => id === type);
    if (!product) return refuse(404, 'global/object-does-not-exist', `instance type ${type} does not exist.`);
    if (keys[0] !== SIMULATED_SSH_KEY) {
      return refuse(404, 'global/object-does-not-exist', 'the specified SSH key does not exist.');
    }
    const cluster = REGIONS.find(({ id }) => id === region && product.in.includes(id));
    if (!cluster) return NO_CAPACITY;
    const id = randomBytes(16).toString('hex');
    const ports = [{ port: 22, type: 'tcp' }];
    const spec = { id, name, gpuNum: product.gpus, isSpot: false, ports, product, cluster, wire };
    return rent(this.#instances, this.#faults, spec, {
      created: (instance) => ok({ data: { instance_ids: [instance.id] } }),
      taken: (status) => refuse(status, 'global/duplicate', `the name ${name} is taken`),
      noCapacity: NO_CAPACITY,
      failed: (status) => refuse(status, 'global/unknown', 'an unknown error occurred'),
    });
  }

  #change(field: string, body: unknown, change: (instance: SimulatedInstance) => void): Reply {
    const parsed = idsSchema.safeParse(body);
    if (!parsed.success) return refuse(400, 'global/invalid-parameters', 'instance_ids: expected ids');
    const found = parsed.data.instance_ids.map((id) => this.#instances.find(id));
    if (found.includes(undefined)) return NO_INSTANCE;
    const instances = found as SimulatedInstance[];
    for (const each of instances) change(each);
    return ok({ data: { [field]: instances.map((each) => this.#wireOf(each)) } });
  }

  #wireOf(instance: SimulatedInstance): Record<string, unknown> {
    const status = this.#statusOf(instance);
    const type = TYPES.find(({ id }) => id === instance.product.id) as (typeof TYPES)[number];
    return {
      id: instance.id,
      name: instance.name,
      status,
      ...(status === 'active' && { ip: '192.0.2.10', private_ip: '10.0.0.10' }),
      ssh_key_names: [SIMULATED_SSH_KEY],
      file_system_names: [],
      region: { name: instance.cluster.id, description: instance.cluster.name },
      instance_type: typeOf(type),
      hostname: `${instance.id}.simulator.invalid`,
    };
  }

  #statusOf(instance: SimulatedInstance): string {
    const word = this.#instances.status(instance);
    if (this.#instances.failureOf(instance) || this.#instances.unhealthyState(instance)) return 'unhealthy';
    if (word === 'running') return 'active';
    if (instance.order === 'delete') return word === 'removed' ? 'terminated' : 'terminating';
    return 'booting';
  }
}

function typeOf({ id, gpu, gpus, cents, storage }: (typeof TYPES)[number]): Record<string, unknown> {
  return {
    name: id,
    description: `${gpus}x ${gpu}`,
    gpu_description: gpu,
    price_cents_per_hour: cents,
    specs: { vcpus: gpus * 30, memory_gib: gpus * 200, storage_gib: storage, gpus },
  };
}

function refuse(status: number, code: string, message: string): Answer {
  return { status, body: { error: { code, message, suggestion: '' } } };
}

const NO_INSTANCE = refuse(404, 'global/object-does-not-exist', 'Specified instance does not exist.');
const NO_CAPACITY = refuse(
  400,
  'instance-operations/launch/insufficient-capacity',
  'Not enough capacity to fulfill launch request.',
);

/**
 * Starts a simulated provider that speaks Lambda Cloud's API v1. Its SSH key is `simulator`.
 * @throws Error when the port cannot be used
 */
export function startLambdaSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  return Simulator.start((instances, faults) => new SimulatedLambda(instances, faults), options);
}
