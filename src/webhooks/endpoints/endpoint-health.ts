/** How endpoints fare: what the breaker's chart makes of it, stored for all workers, and told where it needs a person. */
import {
  type BreakerEvent,
  type BreakerPolicy,
  type BreakerSnapshot,
  breakerAfter,
} from '../../../machines/index.js';
import type { AlertKind, Alerts } from '../../telemetry/alerts.js';
import type { Logger } from '../../telemetry/logger.js';
import type { EndpointStore } from './endpoint-store.js';

/** What befalls an endpoint that people and other endpoints are told of. */
export type EndpointEvent = 'endpoint.failing' | 'endpoint.disabled' | 'endpoint.enabled';
type Tell = (event: EndpointEvent, endpointId: string, health: BreakerSnapshot) => Promise<void>;

const ALERT_OF: Partial<Record<EndpointEvent, AlertKind>> = {
  'endpoint.failing': 'endpoint_failing',
  'endpoint.disabled': 'endpoint_disabled',
};

export interface EndpointHealthOptions {
  store: EndpointStore;
  policy: BreakerPolicy;
  alerts: Alerts;
  logger: Logger;
  /** Has other endpoints hear of it. */
  tell: Tell;
}

export class EndpointHealth {
  readonly #options: EndpointHealthOptions;

  constructor(options: EndpointHealthOptions) {
    this.#options = options;
  }

  /** A success costs nothing where nothing has failed lately. */
  async delivered(id: string): Promise<void> {
    const { value } = await this.#options.store.recentHealth(id);
    if (value.state === 'closed' && value.failures === 0) return;
    await this.note(id, { type: 'DELIVERED', at: this.#now() });
  }

  failed(id: string, error: string): Promise<BreakerSnapshot> {
    return this.note(id, { type: 'FAILED', at: this.#now(), error });
  }

  gone(id: string, error: string): Promise<BreakerSnapshot> {
    return this.note(id, { type: 'GONE', at: this.#now(), error });
  }

  /** Whether this webhook may try an endpoint that rests. One of many may. */
  async mayProbe(id: string): Promise<{ isAllowed: boolean; health: BreakerSnapshot }> {
    const { store, policy } = this.#options;
    const event: BreakerEvent = { type: 'PROBE', at: this.#now() };
    const { after, isChanged } = await store.changeHealth(id, (before) => {
      const { snapshot, accepted } = breakerAfter(before, event, policy);
      return accepted ? snapshot : undefined;
    });
    return { isAllowed: isChanged || after.state === 'closed', health: after };
  }

  /** Stores where an event leads; whoever stores it tells of it. */
  async note(id: string, event: BreakerEvent): Promise<BreakerSnapshot> {
    const { store, policy } = this.#options;
    const { before, after, isChanged } = await store.changeHealth(id, (health) => {
      const { snapshot, accepted } = breakerAfter(health, event, policy);
      return accepted ? snapshot : undefined;
    });
    if (isChanged) for (const told of eventsBetween(before, after)) await this.#tell(told, id, after);
    return after;
  }

  async #tell(event: EndpointEvent, id: string, health: BreakerSnapshot): Promise<void> {
    const { alerts, logger, tell } = this.#options;
    const kind = ALERT_OF[event];
    if (kind) alerts.raise({ kind, jobId: id, message: textOf(event, id, health) });
    // What has happened to this one is stored, and holds whether or not the others hear of it.
    await tell(event, id, health).catch((err: unknown) =>
      logger.warn({ err, endpoint: id, event }, 'other endpoints could not be told how one of them fares'),
    );
  }

  #now(): string {
    return new Date(this.#options.store.broker.clock.now()).toISOString();
  }
}

function eventsBetween(before: BreakerSnapshot, after: BreakerSnapshot): EndpointEvent[] {
  if (after.state === 'disabled') return before.state === 'disabled' ? [] : ['endpoint.disabled'];
  if (before.state === 'disabled') return ['endpoint.enabled'];
  return after.alertedAt !== undefined && before.alertedAt === undefined ? ['endpoint.failing'] : [];
}

function textOf(
  event: EndpointEvent,
  id: string,
  { failingSince, error, disabledBy, reason }: BreakerSnapshot,
): string {
  if (event === 'endpoint.failing')
    return `endpoint ${id} has failed since ${failingSince}, and will be disabled if it goes on: ${error}`;
  const why = reason === undefined ? '' : `: ${reason}`;
  return `endpoint ${id} is disabled (${disabledBy})${why}; its webhooks are kept until "jetfleet webhook endpoint enable ${id}"`;
}
