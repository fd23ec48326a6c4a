import type { LookupFunction } from 'node:net';
import { type AddressGuardOptions, createAddressGuard, hostOf, pinnedLookup } from '../jobs/address-guard.js';
import { ValidationError } from '../jobs/errors.js';
import { webhookUrlFault } from '../jobs/webhook-url.js';

/** Which endpoints webhooks may go to. The default is the public internet over https, and nothing else. */
export type WebhookGuardOptions = AddressGuardOptions;

/** A URL whose addresses were checked. */
export interface CheckedTarget {
  url: URL;
  /** For the `lookup` option of the connection: gives the checked addresses and never asks DNS again. */
  lookup: LookupFunction;
}

export interface WebhookGuard {
  /**
   * Resolves the host and checks scheme, host and addresses, as {@link createAddressGuard} says.
   * @throws ValidationError `JETFLEET_WEBHOOK_URL_INVALID`
   * @throws whatever `resolve` throws, such as ENOTFOUND
   */
  check(url: string): Promise<CheckedTarget>;
}

/**
 * Guards against requests into the operator's own network (SSRF): a webhook URL comes from whoever may add jobs.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for an entry of `allowHosts` that is no host
 */
export function createWebhookGuard(options: WebhookGuardOptions = {}): WebhookGuard {
  const guard = createAddressGuard(options, refused);
  return {
    async check(text) {
      const url = parseUrl(text);
      const isPlain = url.protocol === 'http:';
      const target = { host: hostOf(url), port: portOf(url), isPlain, shown: url.host };
      return { url, lookup: pinnedLookup(await guard.addresses(target)) };
    },
  };
}

function parseUrl(text: string): URL {
  const fault = webhookUrlFault(text);
  if (fault !== undefined) {
    throw new ValidationError('JETFLEET_WEBHOOK_URL_INVALID', `the webhook URL ${fault}`);
  }
  return new URL(text);
}

/** Names the host alone: the path and query of a webhook URL are often secret. */
function refused(host: string, why: string): ValidationError {
  return new ValidationError('JETFLEET_WEBHOOK_URL_INVALID', `the webhook URL at ${host} ${why}`);
}

function portOf(url: URL): string {
  return url.port || (url.protocol === 'https:' ? '443' : '80');
}
