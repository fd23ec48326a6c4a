/** What a user of the server may not do, joined to the call that asked for it. */
import { errors } from '@nats-io/transport-node';
import { BrokerError, JetfleetError } from '../../jobs/errors.js';

export type Violation = InstanceType<typeof errors.PermissionViolationError>;

/** @returns the coded error of a violation anywhere among the causes, or undefined when there is none */
export function forbiddenIn(thrown: unknown): JetfleetError | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (error instanceof errors.PermissionViolationError) return forbidden(error);
    if (JetfleetError.is(error, 'JETFLEET_BROKER_FORBIDDEN')) return error;
  }
  return undefined;
}

export function forbidden(violation: Violation): BrokerError {
  const { operation, subject, queue } = violation;
  const right = operation === 'publish' ? 'publish to' : 'subscribe to';
  const shared = queue ? ` with the queue group ${queue}` : '';
  const why =
    subject === ''
      ? `the broker refused: ${violation.message}`
      : `the NATS user may not ${right} ${subject}${shared}; give it that right (see deploy/nats/roles.conf), or connect as another user`;
  // Rights can be granted while a process runs: what it has begun must not be lost over them.
  return new BrokerError('JETFLEET_BROKER_FORBIDDEN', why, { cause: violation, retryable: true });
}
