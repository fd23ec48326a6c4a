/** The subjects of ENDPOINTS: where webhooks go, how the endpoints fare, and the order of those that take turns. */
import type { Subjects } from './subjects.js';
import { ANY, type Any, hashToken, part } from './token.js';

/** Most bytes of one endpoint, sealed secrets and headers included. */
export const MAX_ENDPOINT_BYTES = 64 * 1024;

/** A webhook in the order of its endpoint; `key` is what is in order, such as an instance. Each part may be `ANY`. */
export interface TurnAddress {
  endpoint: string | Any;
  key: string | Any;
  jobId: string | Any;
}

type Prefix = Pick<Subjects, 'prefix'>;

export function endpointFilters(subjects: Prefix): string[] {
  return [
    endpointSubject(subjects, ANY),
    healthSubject(subjects, ANY),
    turnSubject(subjects, { endpoint: ANY, key: ANY, jobId: ANY }),
  ];
}

/** `endpoints.set.<id>`: an endpoint. */
export function endpointSubject({ prefix }: Prefix, id: string | Any): string {
  return `${prefix}endpoints.set.${part(id)}`;
}

/** `endpoints.health.<id>`: how it fares. */
export function healthSubject({ prefix }: Prefix, id: string | Any): string {
  return `${prefix}endpoints.health.${part(id)}`;
}

/** `endpoints.turns.<id>.<key>.<job>`: a webhook that waits for those before it. */
export function turnSubject({ prefix }: Prefix, { endpoint, key, jobId }: TurnAddress): string {
  return `${prefix}endpoints.turns.${part(endpoint)}.${keyPart(key)}.${part(jobId)}`;
}

const PLAIN = /^[A-Za-z0-9_-]{1,64}$/;

/** A key as one token: itself where it can be one, else its hash. */
function keyPart(key: string | Any): string {
  return key === ANY || PLAIN.test(key) ? part(key) : `~${hashToken(key)}`;
}
