/** How endpoints fare: what the breaker's chart makes of it, stored for all workers, and told where it needs a person. */
import {
  type BreakerEvent,
  type BreakerPolicy,
  type BreakerSnapshot,
  breakerAfter,
} from '../../../machines/index.js';
import { retry } from '../../broker/retry.js';
import { defined } from '../../jobs/defined.js';
import { JetfleetError } from '../../jobs/errors.js';
import type { AlertKind, Alerts } from '../../telemetry/alerts.js';
import type { Logger } from '../../telemetry/logger.js';
import type { EndpointLine } from './endpoint-line.js';
import type { EndpointStore } from './endpoint-store.js';
import type { EndpointEvent, EndpointNews } from './stored-health.js';

/** Repeating it tells nobody twice. */
type Tell = (endpointId: string, news: EndpointNews) => Promise<void>;

/** One that is turned on and off again while nobody can be told. */
const MOST_UNTOLD = 10;
const TELL_MS = 30_000;
const AGAIN_MS = 500;
const ALERT_OF: Partial<Record<EndpointEvent, AlertKind>> = {
  'endpoint.failing': 'endpoint_failing',
  'endpoint.disabled': 'endpoint_disabled',
};

export interface EndpointHealthOptions {
  store: EndpointStore;
  line: EndpointLine;
  policy: BreakerPolicy;
  alerts: Alerts;
  logger: Logger;
  /** Has other endpoints hear of it. */
  tell: Tell;
}

export class EndpointHealth {
  readonly #options: EndpointHealthOptions;
  /** Endpoints whose news are being passed to others. `isAgain`: there may be more by now. */
  readonly #telling = new Map<string, { isAgain: boolean; ended: Promise<void> }>();

  constructor(options: EndpointHealthOptions) {
    this.#options = options;
  }

  /** A success costs nothing where nothing has failed lately. */
  async delivered(id: string): Promise<void> {
    const { store, line } = this.#options;
    // Who has closed the breaker may have died before its limit was reopened.
    const isOnTrial = line.isOnTrial(id);
    const { value } = await (isOnTrial ? store.health(id) : store.recentHealth(id));
    if (value.state !== 'closed' || value.failures > 0)
      await this.note(id, { type: 'SUCCEEDED', at: this.#now() });
    else if (isOnTrial) await line.reopen(id);
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
    const { after, isChanged } = await store.changeHealth(id, ({ untold, ...before }) => {
      const { snapshot, accepted } = breakerAfter(before, event, policy);
      return accepted ? { ...snapshot, ...defined({ untold }) } : undefined;
    });
    const isAllowed = isChanged || after.state === 'closed';
    // It was called by a limit that nobody has closed yet, or before that.
    if (!isAllowed) await this.#follow(id, after);
    return { isAllowed, health: after };
  }

  /** Stores where an event leads; whoever stores it tells of it. */
  async note(id: string, event: BreakerEvent): Promise<BreakerSnapshot> {
    const { store, policy, alerts } = this.#options;
    const { before, after, isChanged } = await store.changeHealth(id, (health) => {
      const { untold = [], ...was } = health;
      const { snapshot, accepted } = breakerAfter(was, event, policy);
      if (!accepted) return undefined;
      const atMs = Date.parse(event.at);
      const news = eventsBetween(was, snapshot).map((each) => newsOf(each, atMs, snapshot));
      const all = [...untold, ...news];
      return { ...snapshot, ...(all.length > 0 && { untold: all.slice(-MOST_UNTOLD) }) };
    });
    if (!isChanged) return after;
    for (const each of eventsBetween(before, after)) {
      const kind = ALERT_OF[each];
      if (kind) alerts.raise({ kind, jobId: id, message: textOf(each, id, after) });
    }
    // It is stored, and no webhook waits for it.
    if (after.untold) void this.tellUntold(id);
    const isAllClosed = before.state === 'closed' && after.state === 'closed';
    if (!isAllClosed) await this.#follow(id, after);
    return after;
  }

  /**
   * The limit as the breaker wants it. They are two messages: who closes the limit reads then whether somebody has closed the breaker meanwhile, whose
   * opening of the limit may have come before.
   */
  async #follow(id: string, health: BreakerSnapshot): Promise<void> {
    const { store, line } = this.#options;
    await line.follow(id, health);
    if (!rests(health) || rests(await store.latestHealth(id))) return;
    await line.reopen(id);
  }

  /** Has the other endpoints hear what they have yet to be told of one, which is stored and holds in any case. All that ask share it. Never rejects. */
  tellUntold(id: string): Promise<void> {
    const known = this.#telling.get(id);
    if (known) {
      known.isAgain = true;
      return known.ended;
    }
    const telling = { isAgain: true, ended: Promise.resolve() };
    this.#telling.set(id, telling);
    const tell = async () => {
      for (; telling.isAgain; await this.#tellStored(id)) telling.isAgain = false;
      this.#telling.delete(id);
    };
    telling.ended = tell();
    return telling.ended;
  }

  async #tellStored(id: string): Promise<void> {
    const { store, logger, tell } = this.#options;
    const mayPass = (error: unknown) => JetfleetError.is(error) && error.retryable;
    try {
      const { untold = [] } = await store.latestHealth(id);
      if (untold.length === 0) return;
      for (const news of untold)
        await retry(() => tell(id, news), { withinMs: TELL_MS, pauseMs: AGAIN_MS, mayPass });
      const isTold = ({ event, atMs }: EndpointNews) =>
        untold.some((each) => each.event === event && each.atMs === atMs);
      await store.changeHealth(id, ({ untold: now = [], ...rest }) => {
        const left = now.filter((each) => !isTold(each));
        if (left.length === now.length) return undefined;
        return { ...rest, ...(left.length > 0 && { untold: left }) };
      });
    } catch (err) {
      const level = JetfleetError.is(err, 'JETFLEET_CLOSED') ? 'debug' : 'warn';
      logger[level]({ err, endpoint: id }, 'other endpoints cannot be told yet how one of them fares');
    }
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

function rests({ state }: BreakerSnapshot): boolean {
  return state === 'open' || state === 'halfOpen';
}

function newsOf(
  event: EndpointEvent,
  atMs: number,
  { failingSince, error, disabledBy, reason }: BreakerSnapshot,
): EndpointNews {
  return { event, atMs, ...defined({ failingSince, error, disabledBy, reason }) };
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
