/** How an endpoint fares, as a message of ENDPOINTS. */
import { decodeBreaker, encodeBreaker } from '../../../machines/breaker.js';
import { type BreakerSnapshot, HEALTHY } from '../../../machines/index.js';

/** What befalls an endpoint that people and other endpoints are told of. */
export type EndpointEvent = 'endpoint.failing' | 'endpoint.disabled' | 'endpoint.enabled';

export interface StoredHealth extends BreakerSnapshot {
  /** What the other endpoints have yet to be told. Whoever sees it later does it, where who has stored it died meanwhile. */
  untold?: { event: EndpointEvent; atMs: number }[];
}

export function encodeHealth(health: StoredHealth): string {
  return encodeBreaker(health);
}

/** What cannot be read counts as healthy: the next failures tell. */
export function decodeHealth(data: Uint8Array): StoredHealth {
  const health: StoredHealth = decodeBreaker(data);
  return health.untold === undefined || Array.isArray(health.untold) ? health : HEALTHY;
}
