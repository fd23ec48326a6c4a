/**
 * Every error that Jetfleet raises or records, by code. `docs/errors.md` explains each one; a test holds the
 * two together.
 */
import { MAX_PROBLEMS } from './limits.js';

/** The codes, each with the sentence that `docs/errors.md` and `--help` show for it. */
export const ERROR_CODES = {
  JETFLEET_BODY_NOT_UTF8: 'The body of the message is not valid UTF-8.',
  JETFLEET_BODY_NOT_JSON: 'The body of the message is not valid JSON.',
  JETFLEET_BODY_INEXACT: 'The body has a value that would not arrive as it was sent.',
  JETFLEET_PAYLOAD_INVALID: 'The payload does not fit the schema of its job type, or JSON would change it.',
  JETFLEET_PAYLOAD_UNKNOWN_KEY: 'The payload has a key that its job type does not know.',
  JETFLEET_PAYLOAD_TOO_LARGE: 'The payload is over the size limit.',
  JETFLEET_PAYLOAD_TOO_DEEP: 'The payload is nested deeper than the limit.',
  JETFLEET_OBJECT_LOST: 'The object that holds a large payload or result is missing or damaged.',
  JETFLEET_SEALED: 'A payload or result is sealed by a codec, and this process cannot open it.',
  JETFLEET_CODEC_FAILED: 'A codec failed to encode a payload or result.',
  JETFLEET_HEADER_INVALID: 'An option header of the message cannot be read.',
  JETFLEET_ID_INVALID: 'The job id has a character or a length that is not allowed.',
  JETFLEET_ID_TAKEN: 'The job id names another job already.',
  JETFLEET_UNIQUE_TAKEN: 'Another job has the unique key.',
  JETFLEET_TYPE_INVALID: 'The job type is not snake_case, or too long.',
  JETFLEET_TYPE_UNKNOWN:
    'Other jobs follow from the end of this one, and this process does not know which: it lacks the definition of the type.',
  JETFLEET_PRIORITY_INVALID: 'The priority is none of critical, high, normal and low.',
  JETFLEET_TAG_INVALID:
    'A tag has a character or a length that is not allowed, or a job has too many of them.',
  JETFLEET_OPTION_INVALID: 'An option of the call has a value that is not allowed.',
  JETFLEET_CRON_INVALID: 'The cron expression cannot be used.',
  JETFLEET_TIME_ZONE_UNKNOWN: 'The time zone is unknown, here or to the NATS server.',
  JETFLEET_TICK_SKIPPED: 'The tick of a schedule did not run, by the overlap policy of the schedule.',
  JETFLEET_LIMIT_INVALID: 'A limit has no key, or a setting that is not allowed.',
  JETFLEET_LIMIT_UNKNOWN: 'Nobody has said how many permits the limit has.',
  JETFLEET_HANDLER_FAILED: 'The handler threw an error that carries no code of its own.',
  JETFLEET_NON_RETRYABLE: 'The handler refused the job for good.',
  JETFLEET_RESULT_TOO_LARGE: 'The handler left a result or checkpoint over the size limit.',
  JETFLEET_RESULT_INVALID:
    'The handler left a result or checkpoint without a JSON form, or a result that does not fit its definition.',
  JETFLEET_REPORT_INVALID: 'The handler reported a progress or chunk that is too large or has no JSON form.',
  JETFLEET_TIMEOUT: 'The attempt ran longer than the timeout of its job.',
  JETFLEET_FLOW_INVALID: 'A flow goes in a circle, or a key, a reference or a policy in it cannot be.',
  JETFLEET_CHILD_FAILED: 'A child of the job, or a job of the flow, failed, and its failure fails the whole.',
  JETFLEET_CHILDREN_CHANGED: 'A later run of the handler asked for other children than the first one.',
  JETFLEET_SIGNAL_INVALID: 'The name or the data of a signal cannot be used.',
  JETFLEET_HIBERNATING:
    'The job waits for a signal or for its children; its worker ends this run of the handler.',
  JETFLEET_WAIT_TIMEOUT: 'The job did not end while its caller waited.',
  JETFLEET_STALLED: 'The attempts of the job were used up by workers that died or lost their lease.',
  JETFLEET_MIGRATION_FAILED:
    'The checkpoint of a job of an earlier version cannot be made one of this version.',
  JETFLEET_LEASE_LOST: 'The worker lost the job to another one and may not write to it any more.',
  JETFLEET_DRAINING: 'The worker is shutting down and handed the job back.',
  JETFLEET_CANCELLED: 'The job was cancelled.',
  JETFLEET_EXPIRED: 'The job waited longer for its first attempt than its `expiresInMs`.',
  JETFLEET_CONFLICT: 'The job changed in the meantime, so the write was refused.',
  JETFLEET_VERSION_MISMATCH: 'The job has moved on from the version that the caller named.',
  JETFLEET_NOT_FOUND: 'There is no job with this id, or no schedule with this name.',
  JETFLEET_MACHINE_NOT_FOUND: 'There is no state machine of this name.',
  JETFLEET_CHART_TOO_LARGE: 'The state machine or flow has too many states, edges or levels to be drawn.',
  JETFLEET_CLOSED: 'The queue, worker or connection is closed.',
  JETFLEET_CHART_BUSY: 'Too many state machines and flows wait to be drawn.',
  JETFLEET_BACKPRESSURE: 'Too many writes wait for the broker.',
  JETFLEET_BROKER_UNREACHABLE: 'No NATS server answers at the address.',
  JETFLEET_BROKER_AUTH: 'The NATS server refused the credentials.',
  JETFLEET_BROKER_TLS: 'No TLS connection to the NATS server came about.',
  JETFLEET_BROKER_FORBIDDEN: 'The NATS user lacks a right that the call needs.',
  JETFLEET_JETSTREAM_DISABLED: 'The NATS server, or the account, has no JetStream.',
  JETFLEET_SERVER_TOO_OLD: 'The NATS server is older than Jetfleet needs.',
  JETFLEET_SERVER_LIMIT: 'The NATS server takes smaller messages than Jetfleet needs.',
  JETFLEET_STREAM_DRIFT: 'A stream or consumer differs from what Jetfleet needs to keep jobs safe.',
  JETFLEET_NO_LEADER:
    'JetStream does not answer: its servers are electing a leader, or too few of them are up.',
  JETFLEET_NO_STREAM: 'No stream covers the subject, so the message would be lost.',
  JETFLEET_CONSUMER_LIMIT: 'The NATS server, or the account, allows no more consumers.',
  JETFLEET_PUBLISH_REFUSED: 'The broker refused the message.',
  JETFLEET_MESSAGE_TOO_LARGE: 'The message is over a size limit of the broker.',
  JETFLEET_PUBLISH_TIMEOUT: 'The broker did not confirm the message in time.',
  JETFLEET_READ_TIMEOUT: 'The broker did not answer a read in time.',
  JETFLEET_NATS_SERVER_NOT_FOUND: 'No nats-server binary could be found or fetched.',
  JETFLEET_NATS_SERVER_FAILED: 'The embedded nats-server did not start.',
  JETFLEET_PROVIDER_CAPACITY: 'The provider has no capacity for what was asked.',
  JETFLEET_PROVIDER_QUOTA: 'The account has reached a limit of the provider.',
  JETFLEET_PROVIDER_BALANCE: 'The account of the provider has no balance left.',
  JETFLEET_PROVIDER_AUTH: 'The provider refused the API key.',
  JETFLEET_PROVIDER_VALIDATION: 'The provider refused the request as invalid.',
  JETFLEET_PROVIDER_NOT_FOUND: 'The provider does not know what was asked for.',
  JETFLEET_PROVIDER_CONFLICT: 'The provider refused the request in the present state of the instance.',
  JETFLEET_PROVIDER_RATE_LIMITED: 'The provider asks to slow down.',
  JETFLEET_PROVIDER_TRANSIENT: 'The provider failed for a moment.',
  JETFLEET_PROVIDER_AMBIGUOUS: 'It is not known whether the provider carried the request out.',
  JETFLEET_NO_PROVIDER: 'The process knows no account of a provider.',
  JETFLEET_INSTANCE_VANISHED: 'The instance was removed by somebody else.',
  JETFLEET_INSTANCE_FAILED: 'The instance failed to start.',
  JETFLEET_INSTANCE_TIMEOUT: 'The instance did not run within its waiting time.',
  JETFLEET_INSTANCE_NOT_DELETED: 'The instance could not be shown to be gone.',
  JETFLEET_INSTANCE_UNSUPPORTED: 'The provider of the instance cannot do what was asked for.',
  JETFLEET_INSTANCE_NOT_OURS:
    'No record shows that a job of this queue rented the instance, so it is not touched.',
  JETFLEET_LIMIT_INSTANCES: 'Another instance would exceed `maxInstances` of the worker.',
  JETFLEET_LIMIT_GPUS: 'The instance would exceed `maxGpus` of the worker.',
  JETFLEET_WEBHOOK_URL_INVALID: 'The webhook URL cannot be used.',
  JETFLEET_WEBHOOK_SECRET_INVALID:
    'The webhook secret or key is not of the form whsec_<base64>, whsk_<base64> or whpk_<base64>.',
  JETFLEET_WEBHOOK_SIGNATURE_INVALID: 'The webhook was not signed with the secret, or is too old.',
  JETFLEET_WEBHOOK_FAILED: 'The endpoint did not accept the webhook.',
  JETFLEET_WEBHOOK_GONE: 'The endpoint answered 410: it wants no more webhooks.',
  JETFLEET_WEBHOOK_NOT_KEPT:
    'The endpoint is disabled, and the webhook is older, or one more, than it keeps meanwhile.',
  JETFLEET_ENDPOINT_INVALID: 'An endpoint of webhooks has a setting that cannot be used.',
  JETFLEET_ENDPOINT_SEALED: 'The secrets of an endpoint cannot be encrypted or decrypted here.',
  JETFLEET_OUTBOX_DRIVER: 'The outbox needs the package pg, which is not installed.',
  JETFLEET_OUTBOX_UNREACHABLE: 'PostgreSQL does not answer the outbox, or refuses its user.',
  JETFLEET_OUTBOX_TABLE:
    'The table of the outbox is missing, differs from what is needed, or may not be used.',
  JETFLEET_HTTP_UNAUTHORIZED: 'The request has no valid token.',
  JETFLEET_HTTP_FORBIDDEN: 'The role of the token does not cover the request.',
  JETFLEET_HTTP_FOREIGN: 'The request comes from a page of another site, or names another host.',
  JETFLEET_HTTP_NOT_FOUND: 'The HTTP API has nothing at this path.',
  JETFLEET_HTTP_METHOD: 'The HTTP API has this path, but not for this method.',
  JETFLEET_HTTP_INVALID: 'A part of the request does not fit what the OpenAPI document says.',
  JETFLEET_HTTP_BODY_TOO_LARGE: 'The body of the request is over the limit of its path.',
  JETFLEET_HTTP_MEDIA_TYPE: 'The body of the request is not declared as application/json.',
  JETFLEET_HTTP_KEY_REUSED: 'The Idempotency-Key was used for another job.',
  JETFLEET_HTTP_TOO_MANY:
    'Too many wrong tokens came from the address, or the token has too many streams open.',
  JETFLEET_HTTP_ADDRESS: 'The HTTP server cannot listen at the address.',
  JETFLEET_NOT_READY: 'The server or worker that was asked is not ready.',
  JETFLEET_NOT_CONFIRMED: 'A command was not confirmed, so it changed nothing.',
  JETFLEET_HTTP_FAILED: 'The HTTP server failed for a reason of its own.',
} as const;
export type ErrorCode = keyof typeof ERROR_CODES;

/** One fault in a payload: where it is (`regions[0]`, empty for the whole), and what is wrong there. */
export interface Problem {
  path: string;
  message: string;
}

/** How an error stands on a job record: plain JSON, the same for every language. */
export interface JobErrorInfo {
  /** A code of {@link ERROR_CODES}, or that of the error which the handler threw, such as `ECONNREFUSED`. */
  code: string;
  message: string;
  /** Whether another attempt may help. */
  retryable: boolean;
  /** Each fault of an invalid payload, at most {@link MAX_PROBLEMS}. */
  problems?: Problem[];
  /** The beginning of a body that could not be read. */
  excerpt?: string;
  /** What a provider or endpoint asked for in `Retry-After`, in milliseconds. */
  retryAfterMs?: number;
  /** What else is known of the attempt, such as the status and the duration of a request: JSON of at most 2,000 characters. */
  details?: Record<string, unknown>;
  /** Where a handler threw it, with the stacks of its causes: the first 6,000 characters. */
  stack?: string;
}

export interface JetfleetErrorOptions extends ErrorOptions {
  retryable?: boolean;
  problems?: Problem[] | undefined;
  excerpt?: string | undefined;
  retryAfterMs?: number;
  details?: Record<string, unknown> | undefined;
}

const BRAND = Symbol.for('jetfleet.error');

/** The base of every error of Jetfleet. {@link JetfleetError.is} also knows those of a second copy of the package. */
export class JetfleetError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  readonly problems?: Problem[];
  readonly excerpt?: string;
  readonly retryAfterMs?: number;
  readonly details?: Record<string, unknown>;
  readonly [BRAND] = true;

  constructor(code: ErrorCode | (string & {}), message: string, options: JetfleetErrorOptions = {}) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    this.retryable = options.retryable ?? false;
    if (options.problems) this.problems = options.problems.slice(0, MAX_PROBLEMS);
    if (options.excerpt !== undefined) this.excerpt = options.excerpt;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
    if (options.details !== undefined) this.details = options.details;
  }

  /** Whether it is an error of Jetfleet, of `code` where that is given. Never throws, whatever `value` is. */
  static is(value: unknown, code?: ErrorCode): value is JetfleetError {
    try {
      const error = value as JetfleetError | null;
      return (
        typeof error === 'object' && error?.[BRAND] === true && (code === undefined || error.code === code)
      );
    } catch {
      // A revoked proxy.
      return false;
    }
  }
}

/** The input is wrong and stays wrong: the job fails at once, with every problem listed. */
export class ValidationError extends JetfleetError {}

/** What a caller has asked for is wrong: `JETFLEET_OPTION_INVALID`. */
export function invalidOption(message: string): ValidationError {
  return new ValidationError('JETFLEET_OPTION_INVALID', message);
}

/** Thrown by a handler to fail its job at once, whatever attempts are left. */
export class NonRetryableError extends JetfleetError {
  constructor(message: string, options: JetfleetErrorOptions & { code?: string } = {}) {
    super(options.code ?? 'JETFLEET_NON_RETRYABLE', message, { ...options, retryable: false });
  }
}

/** Thrown by a handler to ask for another attempt, after `retryAfterMs` where it is given. */
export class RetryableError extends JetfleetError {
  constructor(message: string, options: JetfleetErrorOptions & { code?: string } = {}) {
    super(options.code ?? 'JETFLEET_HANDLER_FAILED', message, { ...options, retryable: true });
  }
}

/** An attempt ran longer than its job allows. The job fails at once. */
export class TimeoutError extends JetfleetError {
  constructor(message: string) {
    super('JETFLEET_TIMEOUT', message, { retryable: false });
  }
}

/**
 * Thrown to whoever waits for the result of a job that FAILED: code and message are those of its error. It counts as retryable, like
 * any error that a handler throws: the job may be run again meanwhile.
 */
export class JobFailedError extends JetfleetError {
  readonly jobId: string;

  constructor(jobId: string, error: JobErrorInfo) {
    const { code, message, problems, excerpt } = error;
    super(code, message, { problems, excerpt, retryable: true });
    this.jobId = jobId;
  }
}

/** The broker cannot be reached, or did not answer. */
export class BrokerError extends JetfleetError {}

/** A write was refused because somebody else wrote first. */
export class ConflictError extends JetfleetError {
  constructor(message: string, options: JetfleetErrorOptions = {}) {
    super('JETFLEET_CONFLICT', message, options);
  }
}

/** Thrown where another job has the unique key of one that was to be added: `jobId` is that job. */
export class UniqueKeyTakenError extends JetfleetError {
  readonly jobId: string;

  constructor(jobId: string, message: string, options: JetfleetErrorOptions = {}) {
    super('JETFLEET_UNIQUE_TAKEN', message, options);
    this.jobId = jobId;
  }
}

/** Why a handler's AbortSignal fired. */
export type AbortReason = 'timeout' | 'cancelled' | 'lease_lost' | 'draining';

const ABORT_CODE: Record<AbortReason, ErrorCode> = {
  timeout: 'JETFLEET_TIMEOUT',
  cancelled: 'JETFLEET_CANCELLED',
  lease_lost: 'JETFLEET_LEASE_LOST',
  draining: 'JETFLEET_DRAINING',
};

/** The `reason` of a handler's AbortSignal. */
export class JobAborted extends JetfleetError {
  readonly reason: AbortReason;

  constructor(reason: AbortReason, message: string) {
    super(ABORT_CODE[reason], message);
    this.reason = reason;
  }
}

/** An error about one thing of a list, with its place before the message, such as `job 3`. */
export function atPlace(error: unknown, place: string): unknown {
  if (!JetfleetError.is(error)) return error;
  const { problems, excerpt } = error;
  const options = { problems, excerpt, cause: error };
  const message = `${place}: ${error.message}`;
  return error instanceof ValidationError
    ? new ValidationError(error.code, message, options)
    : new JetfleetError(error.code, message, options);
}
