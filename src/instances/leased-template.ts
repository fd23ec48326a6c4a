import type { GpuProvider, Template } from '../gpu/provider.js';
import { ProviderError } from '../gpu/provider-error.js';
import { invalidOption } from '../jobs/errors.js';
import { derivedId } from '../jobs/job-id.js';
import { assertOptions, type OptionNames } from '../jobs/options.js';
import { webhookUrlFault } from '../jobs/webhook-url.js';
import type { JobContext } from '../worker/job-handler.js';
import { assertCallbackSecret, leaseToken } from './callback-token.js';
import { withWatchdog } from './lease-watchdog.js';
import type { CreateInstancePayload } from './schemas.js';

export interface LeaseOptions {
  /** Where instances reach the HTTP API of this queue: `https://jetfleet.example.com`. */
  url: string;
  /** The `callbackSecret` of that API. */
  secret: string;
}

const OPTIONS: OptionNames<LeaseOptions> = { url: true, secret: true };

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function assertLeases(lease: LeaseOptions): void {
  assertOptions('gpuInstances: lease', lease, OPTIONS);
  const fault = webhookUrlFault(lease.url);
  if (fault !== undefined) throw invalidOption(`gpuInstances: lease.url ${fault}`);
  assertCallbackSecret(lease.secret);
}

/**
 * The template of a job, with a watchdog where the job wants a lease.
 * @throws ProviderError `validation` where the worker or the provider has none
 */
export function leasedTemplate(
  job: Pick<JobContext, 'id' | 'payload'>,
  template: Template,
  { capabilities }: GpuProvider,
  lease: LeaseOptions | undefined,
): Template {
  const { lease: wanted } = job.payload as CreateInstancePayload;
  if (!wanted) return template;
  if (!lease) {
    throw new ProviderError(
      'validation',
      'this worker has no option lease, so it rents no instance with a lease',
    );
  }
  const id = derivedId(job.id, 'lease');
  const base = lease.url.replace(/\/$/, '');
  const leaseUrl = `${base}/leases/${id}?token=${leaseToken(lease.secret, id)}`;
  return withWatchdog(template, capabilities, { leaseUrl, leaseMs: wanted.ms, endUrl: wanted.endUrl });
}
