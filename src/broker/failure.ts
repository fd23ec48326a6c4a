/** Names of what the client throws when the server is gone, slow, or in the middle of an election. */
const FAILURES: readonly string[] = [
  'TimeoutError',
  'ConnectionError',
  'ClosedConnectionError',
  'DrainingConnectionError',
  'NoRespondersError',
  'RequestError',
  'JetStreamApiError',
  'JetStreamError',
  'ConsumerNotFoundError',
  'StreamNotFoundError',
];

/** Whether an error that is none of Jetfleet's own comes from the broker, so that it may pass. */
export function isBrokerFailure(thrown: unknown): boolean {
  return thrown instanceof Error && FAILURES.includes(thrown.name);
}
