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
import { parseDockerFlags } from './docker-flags.js';
import { VAST_API_PATH, VAST_OPERATIONS } from './vast-provider.js';

const PLACES = ['Washington, US', 'Sofia, BG', 'Tokyo, JP'].map((name) => ({ id: name.slice(-2), name }));
/** Machines of one more host, enough for tests that rent many. */
const FARM = Array.from({ length: 300 }, (_, at) => {
  return {
    id: 24_001_000 + at,
    gpu: 'RTX 4090',
    gpus: 1,
    dph: 0.45 + at / 1_000,
    bid: 0.25 + at / 1_000,
    in: 'US',
  };
});
/** Asks of hosts: prices are USD per hour for the machine. One that is rented is gone for others until its instance is. */
const ASKS = [
  { id: 24_000_001, gpu: 'RTX 4090', gpus: 1, dph: 0.36, bid: 0.18, in: 'US' },
  { id: 24_000_002, gpu: 'RTX 4090', gpus: 1, dph: 0.41, bid: 0.22, in: 'US' },
  { id: 24_000_003, gpu: 'RTX 4090', gpus: 2, dph: 0.72, bid: 0.36, in: 'US' },
  { id: 24_000_004, gpu: 'RTX 4090', gpus: 1, dph: 0.33, bid: 0.15, in: 'BG' },
  { id: 24_000_005, gpu: 'H100 SXM', gpus: 1, dph: 2.05, bid: 1.1, in: 'JP' },
  ...FARM,
].map((ask) => ({ ...ask, name: ask.gpu }));
type Ask = (typeof ASKS)[number];
const TEMPLATES = [
  {
    id: 1,
    hash_id: '4e17788f74f075dd9aab7d0d4427968f',
    name: 'vLLM',
    image: 'vllm/vllm-openai',
    tag: 'v0.11.0',
    env: '-e MODEL_ID="Qwen/Qwen3 0.6B" -p 8000:8000 -p 2222:22',
    onstart: 'vllm serve $MODEL_ID',
    runtype: 'ssh',
    private: true,
  },
  {
    id: 2,
    hash_id: '95c8b5cf7f3a42f0b8b17b86bd2b7b11',
    name: 'private registry',
    image: 'registry.example.com/team/worker',
    tag: '1',
    env: '',
    onstart: '',
    runtype: 'args',
    docker_login_repo: 'registry.example.com',
    private: true,
  },
];

const createSchema = z.looseObject({
  label: z.string().max(256).default(''),
  image: z.string().max(1024).optional(),
  template_hash_id: z.string().optional(),
  disk: z.number().min(8),
  env: z.record(z.string(), z.string()).default({}),
  price: z.number().min(0.001).max(128).optional(),
  target_state: z.enum(['running', 'stopped']).default('running'),
  cancel_unavail: z.boolean().optional(),
});
const stateSchema = z.looseObject({ state: z.enum(['running', 'stopped']) });
const operands = z.looseObject({ in: z.array(z.unknown()).optional() });
const searchSchema = z.looseObject({
  limit: z.int().min(1).default(64),
  type: z.enum(['ondemand', 'bid', 'reserved']),
  gpu_name: operands,
  num_gpus: operands,
  geolocation: operands,
});

/** Vast.ai's routes over simulated instances. */
class SimulatedVast implements SimulatedWire {
  readonly path = VAST_API_PATH;
  readonly operations = VAST_OPERATIONS;
  readonly routesWithIds = [
    'PUT /v0/asks/{id}/',
    'GET /v0/instances/{id}/',
    'PUT /v0/instances/reboot/{id}/',
    'PUT /v0/instances/{id}/',
    'DELETE /v0/instances/{id}/',
  ];
  readonly lacks = ['numeric_id'] as const;
  readonly refuse = refuse;
  readonly refusals = {
    unauthorised: refuse(401, 'auth_error', 'Invalid user key'),
    noPath: { status: 404, body: '<html>404</html>' },
    tooMany: { status: 429, body: 'API requests too frequent: endpoint threshold=4.5' },
  };
  /** Plain text, and no header. */
  readonly beyond = ({ rate }: QuotaState): Answer => ({
    status: 429,
    body: `API requests too frequent: endpoint threshold=${(rate.perMs / 1_000).toFixed(1)}`,
  });
  readonly #instances: SimulatedInstances;
  readonly #faults: Faults;
  #lastId = 31_000_000;

  constructor(instances: SimulatedInstances, faults: Faults) {
    this.#instances = instances;
    this.#faults = faults;
  }

  regionOf({ cluster }: SimulatedInstance): string {
    return cluster.id;
  }

  targetOf({ route, query, body }: RequestRecord): FaultTarget {
    const { label } = (body ?? {}) as { label?: unknown };
    const texts = [query.id, label].filter((value) => typeof value === 'string');
    const instance = this.#instances.find(query.id ?? '');
    return { route, texts: [...texts, ...(instance ? namesOf(instance).texts : [])] };
  }

  answer({ route, query, body }: RequestRecord): Reply {
    applyOutside(this.#instances, this.#faults);
    const id = query.id ?? '';
    switch (route) {
      case 'POST /v0/bundles/':
        return this.#search(body);
      case 'PUT /v0/asks/{id}/':
        return this.#create(id, body);
      case 'GET /v1/instances/':
        return this.#list(query);
      case 'GET /v0/template/': {
        const { hash_id: wanted } = JSON.parse(query.select_filters || '{}') as { hash_id?: { eq?: string } };
        const templates = TEMPLATES.filter(
          ({ hash_id }) => wanted?.eq === undefined || hash_id === wanted.eq,
        );
        return ok({ success: true, templates_found: templates.length, templates });
      }
      case 'GET /v0/instances/{id}/': {
        const instance = readNow(this.#instances, id);
        return instance ? ok({ instances: this.#wireOf(instance) }) : NO_INSTANCE;
      }
      case 'DELETE /v0/instances/{id}/':
        return this.#with(id, (instance) => remove(this.#instances, this.#faults, instance), 'not_found');
      case 'PUT /v0/instances/reboot/{id}/':
        return this.#with(id, (instance) => this.#instances.order(instance, 'restart'));
      case 'PUT /v0/instances/{id}/':
        return this.#setState(id, body);
      default:
        return this.refusals.noPath;
    }
  }

  #search(body: unknown): Reply {
    const parsed = searchSchema.safeParse(body);
    if (!parsed.success) return refuse(400, 'invalid_args', 'error 400/1782: Invalid args');
    const { limit, type, gpu_name, num_gpus, geolocation } = parsed.data;
    const fits = (ask: Ask) =>
      gpu_name.in?.includes(ask.gpu) && num_gpus.in?.includes(ask.gpus) && geolocation.in?.includes(ask.in);
    const taken = this.#taken();
    const free = ASKS.filter((ask) => fits(ask) && !taken.has(String(ask.id)));
    const offers = free
      .filter((ask) => !isHidden(this.#faults, { product: productOf(ask), cluster: placeOf(ask) }))
      .map((ask) => ({
        id: ask.id,
        ask_contract_id: ask.id,
        gpu_name: ask.gpu,
        num_gpus: ask.gpus,
        geolocation: placeOf(ask).name,
        dph_total: type === 'bid' ? ask.bid : ask.dph,
        min_bid: ask.bid,
        rentable: true,
        verification: 'verified',
      }));
    const cheapest = offers.sort((a, b) => a.dph_total - b.dph_total).slice(0, limit);
    return ok({ offers: cheapest });
  }

  /** The asks that are rented, by their ids. */
  #taken(): Set<string> {
    return new Set(this.#instances.live().map(({ product }) => product.id));
  }

  #create(id: string, body: unknown): Reply {
    const parsed = createSchema.safeParse(body);
    if (!parsed.success) return refuse(400, 'invalid_args', 'error 400/3467: Invalid args');
    const ask = ASKS.find((each) => String(each.id) === id);
    if (!ask || this.#taken().has(id)) return NO_ASK;
    const { label: name, env, price, template_hash_id: hash, ...wire } = parsed.data;
    const template = TEMPLATES.find(({ hash_id }) => hash_id === hash);
    if (hash !== undefined && !template)
      return refuse(400, 'invalid_args', `invalid template_hash_id ${hash}`);
    if (!template && !wire.image) return refuse(400, 'invalid_args', 'image is required');
    const published = Object.keys(env).filter((key) => key.startsWith('-p '));
    const { ports } = parseDockerFlags([template?.env ?? '', ...published].join(' '));
    const unique = [...new Map(ports.map(({ port, protocol: type }) => [port, { port, type }])).values()];
    const isSpot = price !== undefined;
    this.#lastId += 1;
    const made = { id: String(this.#lastId), name, gpuNum: ask.gpus, isSpot, ports: unique };
    const spec = { ...made, product: productOf(ask), cluster: placeOf(ask), wire: { ...wire, env, ask } };
    return rent(this.#instances, this.#faults, spec, {
      created: (instance) => {
        if (!isSpot || price >= ask.bid) return ok({ success: true, new_contract: Number(instance.id) });
        this.#instances.order(instance, 'stop');
        const refused = { success: false, error: 'invalid_price', msg: 'the bid is too low' };
        return { status: 400, body: { ...refused, new_contract: Number(instance.id) } };
      },
      taken: (status) => refuse(status, 'conflict', `the label ${name} is taken`),
      noCapacity: NO_ASK,
      failed: (status) => refuse(status, 'internal_error', 'something went wrong'),
    });
  }

  #list({
    limit = '25',
    after_token: token,
    select_filters: filters = '{}',
  }: Record<string, string>): Answer {
    const { label, id } = JSON.parse(filters) as { label?: { eq: string }; id?: { eq: number } };
    const fits = (each: SimulatedInstance) =>
      (label === undefined || each.name === label.eq) && (id === undefined || Number(each.id) === id.eq);
    const listed = listedNow(this.#instances)
      .filter((each) => fits(each) && each.order !== 'delete')
      .sort((a, b) => Number(a.id) - Number(b.id));
    const target = { texts: [label?.eq] };
    const cap = this.#faults.take('capped_pages', target);
    const odd = this.#faults.take('odd_elements', target)?.elements ?? [];
    const size = Math.min(Number(limit), 25, cap?.size ?? 25);
    const rest = listed.filter((each) => Number(each.id) > Number(token ?? 0));
    const isRepeated = cap?.pastEnd === 'repeat' && rest.length === 0;
    const page = isRepeated ? listed.slice(-size) : rest.slice(0, size);
    const isLast = rest.length <= size && cap?.pastEnd !== 'repeat';
    return ok({
      success: true,
      instances_found: page.length,
      ...(cap?.total === false ? {} : { total_instances: listed.length }),
      next_token: isLast ? null : (page.at(-1)?.id ?? null),
      instances: [...odd, ...page.map((each) => this.#wireOf(each))],
    });
  }

  #setState(id: string, body: unknown): Reply {
    const parsed = stateSchema.safeParse(body);
    if (!parsed.success) return refuse(400, 'invalid_args', 'state: expected running or stopped');
    const order = parsed.data.state === 'stopped' ? 'stop' : 'start';
    return this.#with(id, (instance) => this.#instances.order(instance, order));
  }

  #with(id: string, act: (instance: SimulatedInstance) => void, absent = 'no_such_instance'): Reply {
    const instance = this.#instances.find(id);
    if (!instance || instance.order === 'delete') return refuse(404, absent, 'Instance not found');
    act(instance);
    return ok({ success: true });
  }

  #wireOf(instance: SimulatedInstance): Record<string, unknown> {
    const { ask } = instance.wire as { ask: Ask };
    const isStopping = instance.order === 'stop';
    return {
      id: Number(instance.id),
      label: instance.name,
      actual_status: this.#actualOf(instance),
      intended_status: isStopping ? 'stopped' : 'running',
      cur_state: isStopping ? 'stopped' : instance.order === 'delete' ? 'unloaded' : 'running',
      next_state: isStopping ? 'stopped' : 'running',
      status_msg: this.#instances.failureOf(instance) || this.#instances.unhealthyState(instance) || null,
      is_bid: instance.isSpot,
      gpu_name: ask.gpu,
      num_gpus: ask.gpus,
      machine_id: ask.id,
      geolocation: instance.cluster.name,
      public_ipaddr: '192.0.2.45 ',
      dph_total: instance.isSpot ? ask.bid : ask.dph,
      image_uuid: instance.wire.image,
      ports: Object.fromEntries(
        instance.ports.map(({ port, type }) => [
          `${port}/${type}`,
          [{ HostIp: '0.0.0.0', HostPort: String(20_000 + port) }],
        ]),
      ),
      start_date: instance.createdAtMs / 1000,
    };
  }

  #actualOf(instance: SimulatedInstance): string | null {
    if (this.#instances.failureOf(instance) || this.#instances.unhealthyState(instance)) return 'exited';
    const word = this.#instances.status(instance);
    if (word === 'toCreate' || word === 'creating') return null;
    if (word === 'toRestart' || word === 'restarting') return 'rebooting';
    if (word === 'exited') return 'stopped';
    return word === 'running' || word === 'toStop' || word === 'stopping' ? 'running' : 'loading';
  }
}

function productOf(ask: Ask): { id: string; name: string } {
  return { id: String(ask.id), name: ask.gpu };
}

function placeOf(ask: Ask): { id: string; name: string } {
  return PLACES.find(({ id }) => id === ask.in) as (typeof PLACES)[number];
}

function refuse(status: number, error: string, msg: string): Answer {
  return { status, body: { success: false, error, msg } };
}

const NO_INSTANCE = refuse(404, 'no_such_instance', 'Instance not found');
const NO_ASK = refuse(404, 'invalid_args', 'error 404/3603: no_such_ask Instance type is not available.');

/**
 * Starts a simulated provider that speaks Vast.ai's API.
 * @throws Error when the port cannot be used
 */
export function startVastSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  return Simulator.start((instances, faults) => new SimulatedVast(instances, faults), options);
}
