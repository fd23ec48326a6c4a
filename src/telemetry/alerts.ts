import { channel } from 'node:diagnostics_channel';
import type { Logger } from './logger.js';

/**
 * What needs a person, and costs money or stops work until one acts.
 *
 * - `provider_auth`: the provider refuses the API key
 * - `provider_quota`: the account has reached a limit of the provider
 * - `provider_balance`: the account has no balance left
 * - `provider_down`: a provider, or a region of one, does not answer, and is passed over for a while
 * - `instance_not_ours`: a job asked to stop or delete an instance that no job of this queue rented
 * - `rental_limit`: a create was refused by `maxInstances` or `maxGpus`
 * - `endpoint_failing`: an endpoint of webhooks has failed for long, and will be disabled
 * - `endpoint_disabled`: it was disabled; its webhooks are kept
 */
export type AlertKind =
  | 'provider_auth'
  | 'provider_quota'
  | 'provider_balance'
  | 'provider_down'
  | 'instance_not_ours'
  | 'rental_limit'
  | 'endpoint_failing'
  | 'endpoint_disabled';

/** What the channel `jetfleet.alert` of `node:diagnostics_channel` carries. */
export interface Alert {
  kind: AlertKind;
  message: string;
  jobId: string;
}

const alerts = channel('jetfleet.alert');
/** Thousands of jobs meet the same trouble at once; one line in this time is enough. */
const QUIET_MS = 60_000;

/** Raises alerts: each goes out on the channel `jetfleet.alert`, and is logged as an error, at most once a minute a kind. */
export class Alerts {
  readonly #logger: Logger;
  readonly #loggedAt = new Map<AlertKind, number>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  raise(alert: Alert): void {
    alerts.publish(alert);
    const now = performance.now();
    if (now - (this.#loggedAt.get(alert.kind) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return;
    this.#loggedAt.set(alert.kind, now);
    this.#logger.error({ alert: alert.kind, jobId: alert.jobId }, alert.message);
  }
}
