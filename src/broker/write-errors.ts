/** Why a write into a stream failed, in words that say what to do. */
import { BrokerError, ConflictError, JetfleetError } from '../jobs/errors.js';

interface Write {
  subject: string;
}

export function unsendable({ subject }: Write, why: string): BrokerError {
  return new BrokerError('JETFLEET_PUBLISH_REFUSED', `${subject} cannot be sent: ${why}`);
}

export function conflict({ subject }: Write, description: string): ConflictError {
  return new ConflictError(`somebody else wrote before ${subject}: ${description}`);
}

export function noStream({ subject }: Write): BrokerError {
  return new BrokerError(
    'JETFLEET_NO_STREAM',
    `no stream takes ${subject}; run "jetfleet setup", or check JETFLEET_NAMESPACE`,
    { retryable: true },
  );
}

export function refused(
  { subject }: Write,
  answer: { code: number; errCode: number; description: string },
): BrokerError {
  return new BrokerError(
    'JETFLEET_PUBLISH_REFUSED',
    `the broker refused ${subject}: ${answer.description} (${answer.errCode})`,
    { retryable: answer.code >= 500 },
  );
}

export function unconfirmed({ subject }: Write, giveUpMs: number): BrokerError {
  return new BrokerError(
    'JETFLEET_PUBLISH_TIMEOUT',
    `the broker did not confirm ${subject} within ${giveUpMs} ms; it may be stored or not`,
    { retryable: true },
  );
}

export function closedError(): JetfleetError {
  return new JetfleetError('JETFLEET_CLOSED', 'the connection to the broker is closed');
}
