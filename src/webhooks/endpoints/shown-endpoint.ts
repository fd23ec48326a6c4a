import type { BreakerFacts, BreakerState } from '../../../machines/index.js';
import { defined } from '../../jobs/defined.js';
import { maskText } from '../../jobs/mask-text.js';
import { webhookPublicKeyOf } from '../keys.js';
import type { StoredEndpoint } from './endpoint.js';
import type { EndpointKeys, EndpointPrivate } from './endpoint-keys.js';
import type { StoredHealth } from './stored-health.js';

/** An endpoint as it is shown: without its secrets, and without the values of its headers. */
export interface ShownEndpoint extends Omit<StoredEndpoint, 'v' | 'sealed'> {
  /** `closed`: webhooks go out. `open`, `halfOpen`: it rests, or is tried. `disabled`: its webhooks are kept. */
  state: BreakerState;
  health: Omit<BreakerFacts, 'openUntilMs' | 'probeUntilMs'> & { openUntil?: string; probeUntil?: string };
  /** Webhooks that wait for their turn or for the endpoint to be enabled, and since when the oldest of them waits. */
  kept: { count: number; oldestAt?: string };
  /** Missing where the key that encrypted them is not known here. */
  headerNames?: string[];
  /** Since when its secrets sign, and until when; the newest first, with its public key where it has one. */
  secrets?: { since: string; until?: string; publicKey?: string }[];
}

/** @param keys throw where the keys of this process cannot be used, which leaves out what is encrypted */
export function shownEndpoint(
  { v: _, sealed, ...endpoint }: StoredEndpoint,
  { state, openUntilMs, probeUntilMs, untold: _untold, ...health }: StoredHealth,
  { count, oldestMs }: { count: number; oldestMs?: number },
  keys: () => EndpointKeys,
): ShownEndpoint {
  const rests = defined({ openUntil: isoOf(openUntilMs), probeUntil: isoOf(probeUntilMs) });
  return {
    ...endpoint,
    url: maskText(endpoint.url),
    state,
    health: { ...(defined(health) as typeof health), ...rests },
    kept: { count, ...defined({ oldestAt: isoOf(oldestMs) }) },
    ...privateFacts(endpoint.id, sealed, keys),
  };
}

function privateFacts(
  id: string,
  sealed: string,
  keys: () => EndpointKeys,
): Pick<ShownEndpoint, 'headerNames' | 'secrets'> {
  let opened: EndpointPrivate;
  try {
    opened = keys().open(id, sealed);
  } catch {
    return {};
  }
  const secrets = opened.secrets.map(({ secret, since, until }) => {
    const publicKey = secret.startsWith('whsk_') ? webhookPublicKeyOf(secret) : undefined;
    return { since, ...defined({ until, publicKey }) };
  });
  return { headerNames: Object.keys(opened.headers), secrets };
}

function isoOf(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
