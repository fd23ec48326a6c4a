export const DEFAULT_ENDPOINT_CONCURRENCY = 5;

/** The limit of an endpoint, for `queue.limits`. */
export function limitOf(endpointId: string): string {
  return `webhooks/${endpointId}`;
}
