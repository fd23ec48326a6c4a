/** How an endpoint fares, as a message of ENDPOINTS. */
import { type BreakerSnapshot, HEALTHY } from '../../../machines/index.js';

/** What befalls an endpoint that people and other endpoints are told of. */
export type EndpointEvent = 'endpoint.failing' | 'endpoint.disabled' | 'endpoint.enabled';

export interface StoredHealth extends BreakerSnapshot {
  /** What the other endpoints have yet to be told. Whoever sees it later does it, where who has stored it died meanwhile. */
  untold?: { event: EndpointEvent; atMs: number }[];
}

const STATES: ReadonlySet<unknown> = new Set(['closed', 'open', 'halfOpen', 'disabled']);
const decoder = new TextDecoder();

export function encodeHealth(health: StoredHealth): string {
  return JSON.stringify({ v: 1, ...health });
}

/** What cannot be read counts as healthy: the next failures tell. */
export function decodeHealth(data: Uint8Array): StoredHealth {
  try {
    const { v, ...health } = JSON.parse(decoder.decode(data)) as StoredHealth & { v: number };
    const isWhole =
      v === 1 &&
      STATES.has(health.state) &&
      Number.isInteger(health.failures) &&
      Number.isInteger(health.rests) &&
      (health.untold === undefined || Array.isArray(health.untold));
    return isWhole ? health : HEALTHY;
  } catch {
    return HEALTHY;
  }
}
