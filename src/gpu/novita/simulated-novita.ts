import { randomBytes } from 'node:crypto';
import type { Fault, Faults, FaultTarget } from '../simulator/faults.js';
import type { SimulatedInstance, SimulatedInstances } from '../simulator/instances.js';
import { applyOutside, listedNow, readNow, remove, rent } from '../simulator/renting.js';
import {
  type Answer,
  namesOf,
  ok,
  type Reply,
  type RequestRecord,
  type SimulatedWire,
} from '../simulator/wire.js';
import { NOVITA_API_PATH, NOVITA_OPERATIONS } from './novita-provider.js';
import { CLUSTERS, PRODUCTS, REGISTRY_AUTHS, TEMPLATES } from './simulated-catalogue.js';
import { createSchema, wireOf } from './simulated-wire.js';

/** Novita's routes over simulated instances, and the faults that change what these do. */
export class SimulatedNovita implements SimulatedWire {
  readonly path = NOVITA_API_PATH;
  readonly operations = NOVITA_OPERATIONS;
  readonly routesWithIds = [];
  readonly refusals = {
    unauthorised: refuse(401, 'UNAUTHORIZED', 'invalid API key'),
    noPath: refuse(404, 'NOT_FOUND', 'no such path'),
    tooMany: refuse(429, 'RATE_LIMIT_EXCEEDED', 'too many requests'),
  };
  readonly refuse = refuse;
  readonly encode = unquoteIds;
  readonly #instances: SimulatedInstances;
  readonly #faults: Faults;

  constructor(instances: SimulatedInstances, faults: Faults) {
    this.#instances = instances;
    this.#faults = faults;
  }

  regionOf({ cluster: { name } }: SimulatedInstance): string {
    return name.split(' ')[0] ?? name;
  }

  /** What the request is about, in every name that a fault could mean it by. */
  targetOf({ route, query, body }: RequestRecord): FaultTarget {
    const fields = { ...query, ...(typeof body === 'object' ? body : {}) } as Record<string, unknown>;
    const instance = this.#instances.find(String(fields.instanceId ?? ''));
    const product = instance?.product ?? PRODUCTS.find(({ id }) => id === fields.productId);
    const cluster = instance?.cluster ?? CLUSTERS.find(({ id }) => id === fields.clusterId);
    const named = [fields.name, fields.productName, fields.instanceId, fields.templateId];
    const texts = named.filter((value) => typeof value === 'string');
    return { route, texts: [...texts, ...namesOf({ name: instance?.name, product, cluster }).texts] };
  }

  /** Carries a request out; the faults of single routes are applied by the server around it. */
  answer(request: RequestRecord): Reply {
    const { route, query } = request;
    applyOutside(this.#instances, this.#faults);
    switch (route) {
      case 'GET /products':
        return ok({ data: this.#products(query) });
      case 'GET /clusters':
        return ok({ data: CLUSTERS.map((cluster) => ({ ...cluster, supportNetworkStorage: true })) });
      case 'GET /templates':
        return ok({ template: page(TEMPLATES, query), total: TEMPLATES.length });
      case 'GET /template': {
        const template = TEMPLATES.find(({ Id }) => Id === query.templateId);
        return template ? ok({ template }) : refuse(400, 'RESOURCE_NOT_FOUND', 'template not found');
      }
      case 'GET /repository/auths':
        return ok({ data: REGISTRY_AUTHS });
      case 'GET /gpu/instances':
        return this.#list(query);
      case 'GET /gpu/instance': {
        const instance = readNow(this.#instances, query.instanceId ?? '');
        return instance ? ok(wireOf(this.#instances, instance)) : UNKNOWN_INSTANCE;
      }
      case 'POST /gpu/instance/create':
        return this.#create(request);
      default:
        return this.#act(request);
    }
  }

  #products(query: Record<string, string>): unknown[] {
    const used = new Set<Fault>();
    const products = PRODUCTS.filter(({ name }) => includes(name, query.productName))
      .filter(({ clusterIds }) => !query.clusterId || clusterIds.includes(query.clusterId))
      .filter(({ spotPrice }) => query.billingMethod !== 'spot' || spotPrice !== undefined)
      .map((product) => {
        const regions = CLUSTERS.filter(({ id }) => product.clusterIds.includes(id))
          .filter(({ id }) => !query.clusterId || id === query.clusterId)
          .filter((cluster) => {
            const target = namesOf({ product, cluster });
            const hidden = this.#faults.find('no_capacity', target, ({ advertised }) => !advertised);
            if (hidden) used.add(hidden);
            return !hidden;
          })
          .map(({ name }) => name);
        return {
          id: product.id,
          name: product.name,
          availableDeploy: regions.length > 0,
          inventoryState: regions.length > 0 ? 'normal' : 'none',
          minRootFS: 10,
          maxRootFS: 6144,
          regions,
          price: String(product.price),
          spotPrice: String(product.spotPrice ?? ''),
          billingMethods: product.spotPrice === undefined ? ['onDemand'] : ['onDemand', 'spot'],
        };
      });
    // One answer counts once, however many of its products a fault hides.
    for (const fault of used) this.#faults.use(fault);
    return products;
  }

  #list({ name, productName, status, ...query }: Record<string, string>): Answer {
    const isListed = (instance: SimulatedInstance) =>
      includes(instance.name, name) &&
      includes(instance.product.name, productName) &&
      (!status || this.#instances.status(instance) === status);
    const instances = listedNow(this.#instances).filter(isListed);
    const target = { texts: [name] };
    const cap = this.#faults.take('capped_pages', target);
    const odd = this.#faults.take('odd_elements', target)?.elements ?? [];
    const wire = page(instances, query, cap).map((instance) => wireOf(this.#instances, instance));
    const total = cap?.total === false ? {} : { total: instances.length };
    return ok({ instances: [...odd, ...wire], ...total });
  }

  #create({ body }: RequestRecord): Reply {
    const parsed = createSchema.safeParse(body);
    if (!parsed.success) {
      const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
      return refuse(400, 'VALIDATOR_PARAM', problems.join('; '));
    }
    const spec = parsed.data;
    const product = PRODUCTS.find(({ id }) => id === spec.productId);
    if (!product) return refuse(400, 'VALIDATOR_PARAM', `productId: no product ${spec.productId}`);
    if (spec.billingMode === 'spot' && product.spotPrice === undefined) {
      return refuse(400, 'UNSUPPORTED_BILLING_MODE', `${product.name} is not rented as a spot instance`);
    }
    const cluster = CLUSTERS.find(
      ({ id }) => product.clusterIds.includes(id) && (!spec.clusterId || id === spec.clusterId),
    );
    if (!cluster) return NO_CAPACITY;
    const { name, gpuNum, ports, billingMode } = spec;
    const target = namesOf({ name, product, cluster });
    const hasNumericId = this.#faults.take('numeric_id', target) !== undefined;
    const id = hasNumericId ? numericId() : `sim-${randomBytes(6).toString('hex')}`;
    const rented = { id, name, gpuNum, ports, product, cluster, isSpot: billingMode === 'spot', wire: spec };
    return rent(this.#instances, this.#faults, rented, {
      created: (instance) => ok({ id: instance.id }),
      taken: (status) => refuse(status, 'CONFLICT', `the name ${name} is taken`),
      noCapacity: NO_CAPACITY,
      failed: (status) => refuse(status, 'UNKNOWN', 'internal error'),
    });
  }

  #act({ route, body }: RequestRecord): Answer {
    const action = route.match(/^POST \/gpu\/instance\/(start|stop|restart|migrate|delete)$/)?.[1];
    if (!action) return refuse(404, 'NOT_FOUND', `no route ${route}`);
    const { instanceId } = (body ?? {}) as { instanceId?: unknown };
    if (typeof instanceId !== 'string') return refuse(400, 'VALIDATOR_PARAM', 'instanceId: expected string');
    const instance = this.#instances.find(instanceId);
    if (!instance) return UNKNOWN_INSTANCE;
    if (action === 'delete') {
      remove(this.#instances, this.#faults, instance);
      return { status: 200 };
    }
    return this.#change(instance, action as keyof typeof ALLOWED);
  }

  #change(instance: SimulatedInstance, action: keyof typeof ALLOWED): Answer {
    const status = this.#instances.status(instance) ?? '';
    if (!ALLOWED[action].includes(status)) {
      return refuse(400, 'CONFLICT', `invalid state change: ${action} in ${status}`);
    }
    const takesMachine = action === 'start' || action === 'migrate';
    if (takesMachine && this.#faults.take('no_capacity', namesOf(instance))) return NO_CAPACITY;
    this.#instances.order(instance, action);
    if (action === 'migrate') return { status: 200 };
    return ok({ instanceId: instance.id, state: this.#instances.status(instance) });
  }
}

/** The statuses in which each action is allowed. */
const ALLOWED = {
  start: ['exited'],
  stop: ['toCreate', 'creating', 'pulling', 'running', 'toStart', 'starting'],
  restart: ['running', 'exited'],
  migrate: ['exited'],
};

function refuse(status: number, reason: string, message: string): Answer {
  return { status, body: { code: status, reason, message, metadata: {} } };
}

const UNKNOWN_INSTANCE = refuse(400, 'RESOURCE_NOT_FOUND', 'instance not found');
const NO_CAPACITY = refuse(400, 'INSUFFICIENT_RESOURCE', 'no machine is free');

/** The fuzzy filter of the real API: a substring in any case. */
function includes(text: string, part = ''): boolean {
  return text.includes(part) || text.toLowerCase().includes(part.toLowerCase());
}

function page<T>(
  items: readonly T[],
  query: Record<string, string>,
  cap?: { size: number; pastEnd: 'empty' | 'repeat' },
): T[] {
  const pageSize = Math.min(Math.max(1, Number(query.pageSize) || 20), cap?.size ?? 100);
  const asked = Math.max(1, Number(query.pageNum) || 1);
  const lastPage = Math.max(1, Math.ceil(items.length / pageSize));
  const pageNum = cap?.pastEnd === 'repeat' ? Math.min(asked, lastPage) : asked;
  return items.slice((pageNum - 1) * pageSize, pageNum * pageSize);
}

/** 19 digits: none of them fits a double. */
function numericId(): string {
  return `1${String(randomBytes(8).readBigUInt64BE() % 10n ** 18n).padStart(18, '0')}`;
}

/** Only the ids of the fault `numeric_id` have this form. */
function unquoteIds(json: string): string {
  return json.replaceAll(/"(id|instanceId)":"(\d{19})"/g, '"$1":$2');
}
