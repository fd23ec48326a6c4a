import type { Operations } from '../api/call-rates.js';
import type { QuotaState } from './call-limits.js';
import type { FaultKind, Faults, FaultTarget } from './faults.js';
import type { SimulatedInstance, SimulatedInstances } from './instances.js';

/** One request to the API, as it came. Headers are left out, since they hold the key. */
export interface RequestRecord {
  at: string;
  /** `POST /gpu/instance/create`; ids in a path are in `query`: `GET /pods/{id}`. */
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

/** The wire of one provider over simulated instances. */
export interface SimulatedWire {
  /** Where the API is below the host. */
  readonly path: string;
  /** Of its routes, those with an id in the path: `GET /pods/{id}`. */
  readonly routesWithIds: readonly string[];
  /** Faults that its API cannot show: they are refused. Defaults to none. */
  readonly lacks?: readonly FaultKind[];
  /** What the request is about, in every name that a fault could mean it by. */
  targetOf(request: RequestRecord): FaultTarget;
  /** Carries a request out; the faults of single routes are applied by the server around it. */
  answer(request: RequestRecord): Reply;
  /** An error in the provider's own form. */
  refuse(status: number, name: string, message: string): Answer;
  /** How it refuses a key, a path and too many requests. */
  readonly refusals: Readonly<Record<'unauthorised' | 'noPath' | 'tooMany', Answer>>;
  /** What its routes count for, where it has limits. */
  readonly operations: Operations;
  /** How it refuses a request beyond a limit. Defaults to `refusals.tooMany` with a `Retry-After` in seconds. */
  beyond?(quota: QuotaState): Answer;
  /** Headers of every answer that tell what is left. Defaults to none. */
  quotaHeaders?(quotas: readonly QuotaState[]): Record<string, string>;
  /** The region of an instance, as its users name it. */
  regionOf(instance: SimulatedInstance): string;
  /** JSON as it goes out, where it differs. */
  readonly encode?: (json: string) => string;
}

export type WireOf = (instances: SimulatedInstances, faults: Faults) => SimulatedWire;

export function ok(body: unknown): Answer {
  return { status: 200, body };
}

type Named = { [K in 'id' | 'name' | 'product' | 'cluster']?: SimulatedInstance[K] | undefined };

/** The names by which a fault may mean an instance, or what one is made of. */
export function namesOf({ id, name, product, cluster }: Named): FaultTarget {
  return { texts: [id, name, product?.id, product?.name, cluster?.id, cluster?.name] };
}

/** The route of a request, with the id in its path taken out: `GET /pods/{id}` and `{id}`. */
export function routed(
  routesWithIds: readonly string[],
  route: string,
): { route: string; ids: Record<string, string> } {
  for (const each of routesWithIds) {
    const pattern = each.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&').replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)');
    const found = new RegExp(`^${pattern}$`).exec(route);
    if (found) {
      const ids = Object.entries(found.groups ?? {}).map(([key, id]) => [key, decodeURIComponent(id)]);
      return { route: each, ids: Object.fromEntries(ids) };
    }
  }
  return { route, ids: {} };
}
