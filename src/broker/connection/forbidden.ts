/** What a user of the server may not do, joined to the call that asked for it. */
import { errors } from '@nats-io/transport-node';
import { BrokerError } from '../../jobs/errors.js';

export type Violation = InstanceType<typeof errors.PermissionViolationError>;

/** @returns the coded error of a violation anywhere among the causes, or undefined when there is none */
export function forbiddenIn(thrown: unknown): BrokerError | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (error instanceof errors.PermissionViolationError) return forbidden(error);
    if (error instanceof BrokerError && error.code === 'JETFLEET_BROKER_FORBIDDEN') return error;
  }
  return undefined;
}

export function forbidden(violation: Violation): BrokerError {
  const { operation, subject, queue } = violation;
  if (subject === '') {
    return new BrokerError('JETFLEET_BROKER_FORBIDDEN', `the broker refused: ${violation.message}`, {
      cause: violation,
      retryable: true,
    });
  }
  const right = operation === 'publish' ? 'publish to' : 'subscribe to';
  const shared = queue ? ` with the queue group ${queue}` : '';
  return new BrokerError(
    'JETFLEET_BROKER_FORBIDDEN',
    `the NATS user may not ${right} ${subject}${shared}; give it that right (see deploy/nats/roles.conf), or connect as another user`,
    // Rights can be granted while a process runs: what it has begun must not be lost over them.
    { cause: violation, retryable: true },
  );
}
