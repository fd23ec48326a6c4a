/** How an endpoint fares, as a message of ENDPOINTS. */
import { decodeBreaker, encodeBreaker } from '../../../machines/breaker.js';
import { type BreakerSnapshot, type DisabledBy, HEALTHY } from '../../../machines/index.js';

/** What happens to an endpoint, and is reported to people and to other endpoints. */
export type EndpointEvent = 'endpoint.failing' | 'endpoint.disabled' | 'endpoint.enabled';

/** Such an event with the facts of its time: each process reports it in the same words, also when the endpoint is in another state by then. */
export interface EndpointNews {
  event: EndpointEvent;
  atMs: number;
  failingSince?: string;
  error?: string;
  disabledBy?: DisabledBy;
  reason?: string;
}

export interface StoredHealth extends BreakerSnapshot {
  /** What the other endpoints have yet to be told. Whoever sees it later does it, where who has stored it died meanwhile. */
  untold?: EndpointNews[];
}

export function encodeHealth(health: StoredHealth): string {
  return encodeBreaker(health);
}

/** What cannot be read counts as healthy: the next failures tell. */
export function decodeHealth(data: Uint8Array): StoredHealth {
  const health: StoredHealth = decodeBreaker(data);
  return health.untold === undefined || Array.isArray(health.untold) ? health : HEALTHY;
}
