/** Why a write into a stream failed, in words that say what to do. */
import { BrokerError, ConflictError, type JetfleetError, ValidationError } from '../../jobs/errors.js';
import { bytesOf } from '../connection/client-internals.js';
import { noLeader } from '../topology/manager.js';

interface Write {
  subject: string;
  data: string | Uint8Array;
}

/** JSStreamMessageExceedsMaximumErr of nats-server. */
const OVER_STREAM_LIMIT = 10054;
/** JSMessageSchedulesPatternInvalidErr and JSMessageSchedulesTimeZoneInvalidErr. */
const BAD_PATTERN = 10189;
const BAD_TIME_ZONE = 10223;

export function unsendable({ subject }: Write, why: string): ValidationError {
  return new ValidationError('JETFLEET_HEADER_INVALID', `${subject} cannot be sent: ${why}`);
}

export function overPayload(write: Write, maxPayload: number): BrokerError {
  return tooLarge(write, `the server's max_payload of ${maxPayload}`);
}

function tooLarge({ subject, data }: Write, limit: string): BrokerError {
  const why = `${subject} cannot be stored: ${bytesOf(data)} bytes and its headers are over ${limit}`;
  return new BrokerError('JETFLEET_MESSAGE_TOO_LARGE', why);
}

export function conflict({ subject }: Write, description: string): ConflictError {
  return new ConflictError(`somebody else wrote before ${subject}: ${description}`);
}

export function noStream({ subject }: Write): BrokerError {
  const why = `no stream takes ${subject}; run "jetfleet setup", or check JETFLEET_NAMESPACE`;
  return new BrokerError('JETFLEET_NO_STREAM', why, { retryable: true });
}

export function refused(
  write: Write,
  answer: { code: number; errCode: number; description: string },
): JetfleetError {
  if (answer.errCode === OVER_STREAM_LIMIT) return tooLarge(write, "the stream's max_msg_size");
  const why = `the broker refused ${write.subject}: ${answer.description} (${answer.errCode})`;
  if (answer.errCode === BAD_PATTERN) return new ValidationError('JETFLEET_CRON_INVALID', why);
  if (answer.errCode === BAD_TIME_ZONE) {
    const hint = 'install tzdata on the machine of nats-server, and restart it';
    return new ValidationError('JETFLEET_TIME_ZONE_UNKNOWN', `${why}; ${hint}`);
  }
  return new BrokerError('JETFLEET_PUBLISH_REFUSED', why, { retryable: answer.code >= 500 });
}

/** Of a write that has no answer when its time is up. */
export function givenUp(
  { append: { subject }, maybeStored, nobody }: { append: Write; maybeStored: boolean; nobody?: string },
  giveUpMs: number,
  unansweredReason: string | undefined,
): BrokerError {
  if (maybeStored) {
    const why = unansweredReason === undefined ? '' : `. ${unansweredReason}`;
    const message = `the broker did not confirm ${subject} within ${giveUpMs} ms; it may be stored or not${why}`;
    return new BrokerError('JETFLEET_PUBLISH_TIMEOUT', message, { retryable: true });
  }
  if (nobody) return noLeader(`${subject} was not stored within ${giveUpMs} ms`);
  const message = `the broker had no room for ${subject} within ${giveUpMs} ms; it was not stored`;
  return new BrokerError('JETFLEET_PUBLISH_REFUSED', message, { retryable: true });
}

export function backpressure(count: number, bytes: number): BrokerError {
  const why = `${count} writes (${bytes} bytes) wait for the broker already; await earlier calls before adding more`;
  return new BrokerError('JETFLEET_BACKPRESSURE', why, { retryable: true });
}
