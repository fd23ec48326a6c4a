/** The limit of an endpoint is a part of the endpoint, whatever people change limits with. */
import { JetfleetError, ValidationError } from '../../jobs/errors.js';
import { limitOf } from './limit-name.js';
import type { WebhookEndpoints } from './webhook-endpoints.js';

const PREFIX = limitOf('');

/** @throws ValidationError `JETFLEET_LIMIT_INVALID` for the limit of an endpoint that exists */
export async function assertOfNoEndpoint(
  endpoints: Pick<WebhookEndpoints, 'get'>,
  limit: string,
): Promise<void> {
  if (!limit.startsWith(PREFIX)) return;
  const id = limit.slice(PREFIX.length);
  try {
    await endpoints.get(id);
  } catch (error) {
    // One that was removed may have left its setting.
    if (JetfleetError.is(error, 'JETFLEET_NOT_FOUND')) return;
    throw error;
  }
  const message = `limit ${limit} belongs to the webhook endpoint ${id}; change concurrency or rate of the endpoint instead: "jetfleet webhook endpoint update ${id}"`;
  throw new ValidationError('JETFLEET_LIMIT_INVALID', message);
}
