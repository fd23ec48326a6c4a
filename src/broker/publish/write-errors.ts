/** Why a write into a stream failed, in words that say what to do. */
import { BrokerError, ConflictError, JetfleetError, ValidationError } from '../../jobs/errors.js';
import { bytesOf } from '../connection/client-internals.js';
import { noLeader } from '../topology/manager.js';

interface Write {
  subject: string;
  data: string | Uint8Array;
}

/** JSStreamMessageExceedsMaximumErr of nats-server. */
const OVER_STREAM_LIMIT = 10054;

export function unsendable({ subject }: Write, why: string): ValidationError {
  return new ValidationError('JETFLEET_HEADER_INVALID', `${subject} cannot be sent: ${why}`);
}

export function overPayload(write: Write, maxPayload: number): BrokerError {
  return tooLarge(write, `the server's max_payload of ${maxPayload}`);
}

function tooLarge({ subject, data }: Write, limit: string): BrokerError {
  const size = `${bytesOf(data)} bytes and its headers`;
  return new BrokerError(
    'JETFLEET_MESSAGE_TOO_LARGE',
    `${subject} cannot be stored: ${size} are over ${limit}`,
  );
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
  write: Write,
  answer: { code: number; errCode: number; description: string },
): BrokerError {
  if (answer.errCode === OVER_STREAM_LIMIT) return tooLarge(write, "the stream's max_msg_size");
  return new BrokerError(
    'JETFLEET_PUBLISH_REFUSED',
    `the broker refused ${write.subject}: ${answer.description} (${answer.errCode})`,
    { retryable: answer.code >= 500 },
  );
}

function unconfirmed({ subject }: Write, giveUpMs: number, reason?: string): BrokerError {
  const why = reason === undefined ? '' : `. ${reason}`;
  return new BrokerError(
    'JETFLEET_PUBLISH_TIMEOUT',
    `the broker did not confirm ${subject} within ${giveUpMs} ms; it may be stored or not${why}`,
    { retryable: true },
  );
}

/** Of a write that has no answer when its time is up. */
export function givenUp(
  { append, maybeStored, nobody }: { append: Write; maybeStored: boolean; nobody?: string },
  giveUpMs: number,
  unansweredReason: Parameters<typeof unconfirmed>[2],
): BrokerError {
  if (maybeStored) return unconfirmed(append, giveUpMs, unansweredReason);
  return nobody
    ? noLeader(`${append.subject} was not stored within ${giveUpMs} ms`)
    : overloaded(append, giveUpMs);
}

function overloaded({ subject }: Write, giveUpMs: number): BrokerError {
  return new BrokerError(
    'JETFLEET_PUBLISH_REFUSED',
    `the broker had no room for ${subject} within ${giveUpMs} ms; it was not stored`,
    { retryable: true },
  );
}

export function backpressure(count: number, bytes: number): BrokerError {
  return new BrokerError(
    'JETFLEET_BACKPRESSURE',
    `${count} writes (${bytes} bytes) wait for the broker already; await earlier calls before adding more`,
    { retryable: true },
  );
}

export function closedError(maybeStored = false): JetfleetError {
  const stored = maybeStored ? '; the write may be stored or not' : '';
  return new JetfleetError('JETFLEET_CLOSED', `the connection to the broker is closed${stored}`);
}
