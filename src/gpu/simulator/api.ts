import { CLUSTERS, PRODUCTS, REGISTRY_AUTHS, type SimulatedCluster, TEMPLATES } from './catalogue.js';
import type { Fault, Faults, FaultTarget } from './faults.js';
import { createSchema, type SimulatedInstance, type SimulatedInstances } from './instances.js';

/** One request to the API, as it came. Headers are left out, since they hold the key. */
export interface RequestRecord {
  at: string;
  /** `POST /gpu/instance/create`. */
  route: string;
  query: Readonly<Record<string, string>>;
  body: unknown;
}

/** Status and body; text is sent as it is, everything else as JSON. The last two as in the fault `answer`. */
export interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
  cutAfterBytes?: number | undefined;
  dribbleMs?: number | undefined;
}
/** The answer is that the connection breaks. */
export const RESET = Symbol('reset');
export type Reply = Answer | typeof RESET;

/** Novita's routes over simulated instances, and the faults that change what these do. */
export class SimulatedApi {
  readonly #instances: SimulatedInstances;
  readonly #faults: Faults;

  constructor(instances: SimulatedInstances, faults: Faults) {
    this.#instances = instances;
    this.#faults = faults;
  }

  /** What the request is about, in every name that a fault could mean it by. */
  targetOf({ route, query, body }: RequestRecord): FaultTarget {
    const fields = { ...query, ...(typeof body === 'object' ? body : {}) } as Record<string, unknown>;
    const instance = this.#instances.find(String(fields.instanceId ?? ''));
    const product = instance?.product ?? PRODUCTS.find(({ id }) => id === fields.productId);
    const cluster = instance?.cluster ?? CLUSTERS.find(({ id }) => id === fields.clusterId);
    const named = [fields.name, fields.productName, fields.instanceId, fields.templateId];
    const texts = named.filter((value) => typeof value === 'string');
    return { route, texts: [...texts, ...targetOf({ name: instance?.name, product, cluster }).texts] };
  }

  /** Carries a request out; the faults of single routes are applied by the server around it. */
  answer(request: RequestRecord): Reply {
    const { route, query } = request;
    this.#applyVanish();
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
        const instance = this.#instances.find(query.instanceId ?? '');
        const isShown = instance && Date.now() - instance.createdAtMs >= instance.readLagMs;
        return isShown ? ok(this.#instances.toWire(instance)) : UNKNOWN_INSTANCE;
      }
      case 'POST /gpu/instance/create':
        return this.#create(request);
      default:
        return this.#act(request);
    }
  }

  #applyVanish(): void {
    // Looking at every instance for each request would make many instances slow.
    if (!this.#faults.has('vanish')) return;
    for (const instance of this.#instances.all()) {
      const ageMs = Date.now() - instance.createdAtMs;
      const fault = this.#faults.take('vanish', targetOf(instance), ({ afterMs }) => ageMs >= afterMs);
      if (fault) this.#instances.vanish(instance);
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
            const target = targetOf({ product, cluster });
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
    const now = Date.now();
    const isListed = (instance: SimulatedInstance) =>
      includes(instance.name, name) &&
      includes(instance.product.name, productName) &&
      now - instance.createdAtMs >= instance.listLagMs &&
      (!status || this.#instances.status(instance) === status);
    const instances = this.#instances.all().filter(isListed);
    const target = { texts: [name] };
    const cap = this.#faults.take('capped_pages', target);
    const odd = this.#faults.take('odd_elements', target)?.elements ?? [];
    const wire = page(instances, query, cap).map((instance) => this.#instances.toWire(instance));
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
    const target = targetOf({ name: spec.name, product, cluster });
    const isTaken = () => this.#instances.live().some(({ name }) => name === spec.name);
    const taken = this.#faults.take('name_taken', target, isTaken);
    if (taken) return refuse(taken.status, 'CONFLICT', `the name ${spec.name} is taken`);
    if (this.#faults.take('no_capacity', target)) return NO_CAPACITY;
    const instance = this.#instances.create({
      ...spec,
      product,
      cluster,
      stuckPulling: this.#faults.take('stuck_pulling', target) !== undefined,
      startFailure: this.#faults.take('start_failed', target)?.message,
      unhealthy: this.#faults.take('unhealthy', target),
      listLagMs: this.#faults.take('list_lag', target)?.lagMs ?? 0,
      readLagMs: this.#faults.take('read_lag', target)?.lagMs ?? 0,
      hasNumericId: this.#faults.take('numeric_id', target) !== undefined,
    });
    if (this.#faults.take('reset_after_create', target)) return RESET;
    const error = this.#faults.take('error_after_create', target);
    return error ? refuse(error.status, 'UNKNOWN', 'internal error') : ok({ id: instance.id });
  }

  #act({ route, body }: RequestRecord): Answer {
    const action = route.match(/^POST \/gpu\/instance\/(start|stop|restart|delete)$/)?.[1];
    if (!action) return refuse(404, 'NOT_FOUND', `no route ${route}`);
    const { instanceId } = (body ?? {}) as { instanceId?: unknown };
    if (typeof instanceId !== 'string') return refuse(400, 'VALIDATOR_PARAM', 'instanceId: expected string');
    const instance = this.#instances.find(instanceId);
    if (!instance) return UNKNOWN_INSTANCE;
    if (action === 'delete') return this.#delete(instance);
    return this.#change(instance, action as keyof typeof ALLOWED);
  }

  #delete(instance: SimulatedInstance): Answer {
    if (instance.order === 'delete') return { status: 200 };
    const lag = this.#faults.take('delete_lag', targetOf(instance));
    if (lag) this.#instances.deleteLater(instance, lag.lagMs);
    else this.#instances.order(instance, 'delete');
    return { status: 200 };
  }

  #change(instance: SimulatedInstance, action: keyof typeof ALLOWED): Answer {
    const status = this.#instances.status(instance) ?? '';
    if (!ALLOWED[action].includes(status)) {
      return refuse(400, 'CONFLICT', `invalid state change: ${action} in ${status}`);
    }
    if (action === 'start' && this.#faults.take('no_capacity', targetOf(instance))) return NO_CAPACITY;
    this.#instances.order(instance, action);
    return ok({ instanceId: instance.id, state: this.#instances.status(instance) });
  }
}

/** The statuses in which each action is allowed. */
const ALLOWED = {
  start: ['exited'],
  stop: ['toCreate', 'creating', 'pulling', 'running', 'toStart', 'starting'],
  restart: ['running', 'exited'],
};

type Targeted = { [K in 'id' | 'name' | 'product' | 'cluster']?: SimulatedInstance[K] | undefined };

function targetOf({ id, name, product, cluster }: Targeted): FaultTarget {
  return { texts: [id, name, product?.id, product?.name, cluster?.id, cluster?.name] };
}

/** The code of a cluster's region. */
export function regionOf({ name }: SimulatedCluster): string {
  return name.split(' ')[0] ?? name;
}

export function ok(body: unknown): Answer {
  return { status: 200, body };
}

export function refuse(status: number, reason: string, message: string): Answer {
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
