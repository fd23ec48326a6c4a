import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import { invalidOption } from '../../jobs/errors.js';
import { parsePayload } from '../../jobs/schema.js';

const MAX_DELAY_MS = 10 * 60 * 1000;
const common = {
  /** How many answers or instances it changes before it ends. Defaults to no limit. */
  times: z.int().min(1).optional(),
  /** A substring of the instance name or id, product id or name, cluster id or name, or route. Defaults to all. */
  match: z.string().min(1).optional(),
};
/** A path such as `/gpu/instance/create`, with or without its method before it. Defaults to every route. */
const route = z
  .string()
  .regex(/^((GET|POST|PUT|PATCH|DELETE) )?\/\S+$/, 'must read "/path" or "GET /path"')
  .optional();
const status = z.int().min(400).max(599);
const delayMs = z.int().min(0).max(MAX_DELAY_MS);

const fault = <K extends string, S extends z.ZodRawShape>(kind: K, shape: S) =>
  z.strictObject({ kind: z.literal(kind), ...shape, ...common });

const faultSchema = z.discriminatedUnion('kind', [
  fault('error_after_create', { status: status.default(500) }),
  fault('reset_after_create', {}),
  /** The connection breaks before anything is carried out. */
  fault('reset', { route }),
  /** Create refuses a name that an instance has which is not removed yet. Without it names may repeat. */
  fault('name_taken', { status: status.default(409) }),
  fault('error', {
    status: status.default(500),
    code: z.string().default('UNKNOWN'),
    message: z.string().default('simulated fault'),
    /** Sent instead of Novita's envelope: text as it is, anything else as JSON. */
    body: z.json().optional(),
    route,
  }),
  /** An answer word for word, such as one of a gateway: `{status: 404, body: '<html>'}`, `{body: {code: 500, reason: 'INTERNAL'}}`. */
  fault('answer', {
    /** Redirects want a `location` among the headers. */
    status: z.int().min(200).max(599).default(200),
    headers: z.record(z.string(), z.string()).default({}),
    /** Text is sent as it is, anything else as JSON. Defaults to an empty body. */
    body: z.json().default(''),
    /** `instead`: nothing is carried out. `after`: the request is carried out, and only its answer replaced. */
    when: z.enum(['instead', 'after']).default('instead'),
    /** The connection breaks after so many bytes of the body, which announces all of them. */
    cutAfterBytes: z.int().min(0).optional(),
    /** After the body one more space comes every so many milliseconds, and the answer never ends. */
    dribbleMs: delayMs.min(1).optional(),
    route,
  }),
  fault('list_lag', { lagMs: delayMs.default(1_000) }),
  /** A single read of a new instance says `RESOURCE_NOT_FOUND` for a time. */
  fault('read_lag', { lagMs: delayMs.default(1_000) }),
  /** The instance's id is a number beyond 2^53, sent without quotes. */
  fault('numeric_id', {}),
  fault('capped_pages', {
    /** Most instances that a page of the list has, whatever is asked for. */
    size: z.int().min(1).max(100).default(50),
    /** Whether the answer goes on counting all of them in `total`. */
    total: z.boolean().default(false),
    /** What comes after the last page: nothing, or the last page for ever. */
    pastEnd: z.enum(['empty', 'repeat']).default('empty'),
  }),
  fault('odd_elements', {
    /** Put into each page of the list, before what belongs there. */
    elements: z
      .array(z.json())
      .min(1)
      .default([null, { id: 'foreign', status: null, clusterId: 7, portMappings: {} }]),
  }),
  /** `advertised`: products go on offering what create then refuses. */
  fault('no_capacity', { advertised: z.boolean().default(false) }),
  fault('stuck_pulling', {}),
  fault('start_failed', { message: z.string().min(1).default('failed to pull the image') }),
  fault('unhealthy', {
    /** Time from `running` on for which the state is reported. Defaults to no limit. */
    forMs: delayMs.optional(),
    state: z.string().min(1).default('unhealthy'),
  }),
  /** `lagMs`: from the answer to the removal. Another delete that no such fault holds back is carried out at once. */
  fault('delete_lag', { lagMs: delayMs.default(1_000) }),
  /** `retryAfter`: the header as it is sent, seconds or an HTTP date. */
  fault('rate_limited', { retryAfter: z.union([z.int().min(0), z.string()]).default(1), route }),
  fault('slow', {
    delayMs: delayMs.default(1_000),
    /** `after`: carried out at once, answered late. `before`: carried out late, even if the caller has left. */
    when: z.enum(['before', 'after']).default('after'),
    route,
  }),
  /** `afterMs`: the age from which an instance disappears, at the next request, as if somebody else had deleted it. */
  fault('vanish', { afterMs: delayMs.default(0) }),
  /** `afterMs`: the age from which a spot instance is reclaimed, at the next request, with a notice of `noticeMs`; it can be migrated or started then. */
  fault('spot_interrupted', { afterMs: delayMs.default(0), noticeMs: delayMs.default(1_000) }),
]);

/** In the order of docs/simulator.md. */
export const FAULT_KINDS: readonly string[] = faultSchema.options.map((option) => option.shape.kind.value);

/**
 * A fault to switch on. `stuck_pulling`, `start_failed`, `unhealthy`, `list_lag`, `read_lag` and `numeric_id` are decided
 * when an instance is created; the others act on each request.
 */
export type FaultInput = z.input<typeof faultSchema>;
export type Fault = z.output<typeof faultSchema> & { id: string; hits: number };
export type FaultKind = Fault['kind'];
type FaultOf<K extends FaultKind> = Extract<Fault, { kind: K }>;

/** What a fault's `route` and `match` are held against. */
export interface FaultTarget {
  /** `POST /gpu/instance/create`. */
  route?: string;
  texts: readonly (string | undefined)[];
}

/** The faults of one simulator. Those that used up their `times` are gone from the list. */
export class Faults {
  readonly #faults: Fault[] = [];
  #lacking: readonly FaultKind[] = [];

  /** Refuses some kinds from now on: a test that counts on one of them would prove nothing. */
  lack(kinds: readonly FaultKind[]): void {
    this.#lacking = kinds;
  }

  /**
   * Switches a fault on and gives it back with its id.
   * @throws ValidationError listing every problem, or for a kind that the API of this simulator cannot show
   */
  add(input: FaultInput): Fault {
    const parsed = parsePayload('simulator fault', faultSchema, input);
    if (this.#lacking.includes(parsed.kind)) {
      throw invalidOption(`this simulator has no fault ${parsed.kind}: its API cannot show it`);
    }
    const fault: Fault = { ...parsed, id: randomBytes(4).toString('hex'), hits: 0 };
    this.#faults.push(fault);
    return fault;
  }

  /** Those that are on, oldest first. */
  list(): readonly Fault[] {
    return [...this.#faults];
  }

  /** Whether any fault of this kind is on. */
  has(kind: FaultKind): boolean {
    return this.#faults.some((fault) => fault.kind === kind);
  }

  /** Switches off one fault, or all. Gives the number switched off. */
  clear(id?: string): number {
    const before = this.#faults.length;
    const kept = id === undefined ? [] : this.#faults.filter((fault) => fault.id !== id);
    this.#faults.splice(0, before, ...kept);
    return before - kept.length;
  }

  /** The oldest fault of this kind that fits, without using it up. */
  find<K extends FaultKind>(
    kind: K,
    target: FaultTarget,
    fits: (fault: FaultOf<K>) => boolean = () => true,
  ): FaultOf<K> | undefined {
    return this.#faults.find(
      (fault): fault is FaultOf<K> => fault.kind === kind && hits(fault, target) && fits(fault as FaultOf<K>),
    );
  }

  /** The oldest fault of this kind that fits, counted as used once. */
  take<K extends FaultKind>(
    kind: K,
    target: FaultTarget,
    fits?: (fault: FaultOf<K>) => boolean,
  ): FaultOf<K> | undefined {
    const fault = this.find(kind, target, fits);
    if (fault) this.use(fault);
    return fault;
  }

  use(fault: Fault): void {
    fault.hits += 1;
    if (fault.times !== undefined && fault.hits >= fault.times) this.clear(fault.id);
  }
}

function hits(fault: Fault, target: FaultTarget): boolean {
  const { match } = fault;
  const route = 'route' in fault ? fault.route : undefined;
  // Whole paths only: `/gpu/instance` must not hit `/gpu/instance/create`.
  if (route !== undefined && route !== target.route && route !== target.route?.split(' ')[1]) return false;
  return match === undefined || [target.route, ...target.texts].some((text) => text?.includes(match));
}
