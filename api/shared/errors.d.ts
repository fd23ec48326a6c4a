/** The codes, each with the sentence that `docs/errors.md` and `--help` show for it. */
declare const ERROR_CODES: {
    readonly JETFLEET_BODY_NOT_UTF8: 'The body of the message is not valid UTF-8.';
    readonly JETFLEET_BODY_NOT_JSON: 'The body of the message is not valid JSON.';
    readonly JETFLEET_BODY_INEXACT: 'The body has a value that would not arrive as it was sent.';
    readonly JETFLEET_PAYLOAD_INVALID: 'The payload does not fit the schema of its job type, or JSON would change it.';
    readonly JETFLEET_PAYLOAD_UNKNOWN_KEY: 'The payload has a key that its job type does not know.';
    readonly JETFLEET_PAYLOAD_TOO_LARGE: 'The payload is over the size limit.';
    readonly JETFLEET_PAYLOAD_TOO_DEEP: 'The payload is nested deeper than the limit.';
    readonly JETFLEET_OBJECT_LOST: 'The object that holds a large payload or result is missing or damaged.';
    readonly JETFLEET_SEALED: 'A payload or result is sealed by a codec, and this process cannot open it.';
    readonly JETFLEET_CODEC_FAILED: 'A codec failed to encode a payload or result.';
    readonly JETFLEET_HEADER_INVALID: 'An option header of the message cannot be read.';
    readonly JETFLEET_ID_INVALID: 'The job id has a character or a length that is not allowed.';
    readonly JETFLEET_ID_TAKEN: 'The job id names another job already.';
    readonly JETFLEET_UNIQUE_TAKEN: 'Another job has the unique key.';
    readonly JETFLEET_TYPE_INVALID: 'The job type is not snake_case, or too long.';
    readonly JETFLEET_TYPE_UNKNOWN: 'Other jobs follow from the end of this one, and this process does not know which: it lacks the definition of the type.';
    readonly JETFLEET_PRIORITY_INVALID: 'The priority is none of critical, high, normal and low.';
    readonly JETFLEET_TAG_INVALID: 'A tag has a character or a length that is not allowed, or a job has too many of them.';
    readonly JETFLEET_OPTION_INVALID: 'An option of the call has a value that is not allowed.';
    readonly JETFLEET_CRON_INVALID: 'The cron expression cannot be used.';
    readonly JETFLEET_TIME_ZONE_UNKNOWN: 'The time zone is unknown, here or to the NATS server.';
    readonly JETFLEET_TICK_SKIPPED: 'The tick of a schedule did not run, by the overlap policy of the schedule.';
    readonly JETFLEET_LIMIT_INVALID: 'A limit has no key, or a setting that is not allowed.';
    readonly JETFLEET_LIMIT_UNKNOWN: 'Nobody has said how many permits the limit has.';
    readonly JETFLEET_HANDLER_FAILED: 'The handler threw an error that carries no code of its own.';
    readonly JETFLEET_NON_RETRYABLE: 'The handler refused the job for good.';
    readonly JETFLEET_RESULT_TOO_LARGE: 'The handler left a result or checkpoint over the size limit.';
    readonly JETFLEET_RESULT_INVALID: 'The handler left a result or checkpoint without a JSON form, or a result that does not fit its definition.';
    readonly JETFLEET_REPORT_INVALID: 'The handler reported a progress or chunk that is too large or has no JSON form.';
    readonly JETFLEET_TIMEOUT: 'The attempt ran longer than the timeout of its job.';
    readonly JETFLEET_FLOW_INVALID: 'A flow goes in a circle, or a key, a reference or a policy in it cannot be.';
    readonly JETFLEET_CHILD_FAILED: 'A child of the job, or a job of the flow, failed, and its failure fails the whole.';
    readonly JETFLEET_CHILDREN_CHANGED: 'A later run of the handler asked for other children than the first one.';
    readonly JETFLEET_SIGNAL_INVALID: 'The name or the data of a signal cannot be used.';
    readonly JETFLEET_HIBERNATING: 'The job waits for a signal or for its children; its worker ends this run of the handler.';
    readonly JETFLEET_WAIT_TIMEOUT: 'The job did not end while its caller waited.';
    readonly JETFLEET_STALLED: 'The attempts of the job were used up by workers that died or lost their lease.';
    readonly JETFLEET_MIGRATION_FAILED: 'The checkpoint of a job of an earlier version cannot be made one of this version.';
    readonly JETFLEET_LEASE_LOST: 'The worker lost the job to another one and may not write to it any more.';
    readonly JETFLEET_DRAINING: 'The worker is shutting down and handed the job back.';
    readonly JETFLEET_CANCELLED: 'The job was cancelled.';
    readonly JETFLEET_EXPIRED: 'The job waited longer for its first attempt than its `expiresInMs`.';
    readonly JETFLEET_CONFLICT: 'The job changed in the meantime, so the write was refused.';
    readonly JETFLEET_VERSION_MISMATCH: 'The job has moved on from the version that the caller named.';
    readonly JETFLEET_NOT_FOUND: 'There is no job with this id, or no schedule with this name.';
    readonly JETFLEET_MACHINE_NOT_FOUND: 'There is no state machine of this name.';
    readonly JETFLEET_CHART_TOO_LARGE: 'The state machine or flow has too many states, edges or levels to be drawn.';
    readonly JETFLEET_CLOSED: 'The queue, worker or connection is closed.';
    readonly JETFLEET_CHART_BUSY: 'Too many state machines and flows wait to be drawn.';
    readonly JETFLEET_BACKPRESSURE: 'Too many writes wait for the broker.';
    readonly JETFLEET_BROKER_UNREACHABLE: 'No NATS server answers at the address.';
    readonly JETFLEET_BROKER_AUTH: 'The NATS server refused the credentials.';
    readonly JETFLEET_BROKER_TLS: 'No TLS connection to the NATS server came about.';
    readonly JETFLEET_BROKER_FORBIDDEN: 'The NATS user lacks a right that the call needs.';
    readonly JETFLEET_JETSTREAM_DISABLED: 'The NATS server, or the account, has no JetStream.';
    readonly JETFLEET_SERVER_TOO_OLD: 'The NATS server is older than Jetfleet needs.';
    readonly JETFLEET_SERVER_LIMIT: 'The NATS server takes smaller messages than Jetfleet needs.';
    readonly JETFLEET_STREAM_DRIFT: 'A stream or consumer differs from what Jetfleet needs to keep jobs safe.';
    readonly JETFLEET_NO_LEADER: 'JetStream does not answer: its servers are electing a leader, or too few of them are up.';
    readonly JETFLEET_NO_STREAM: 'No stream covers the subject, so the message would be lost.';
    readonly JETFLEET_CONSUMER_LIMIT: 'The NATS server, or the account, allows no more consumers.';
    readonly JETFLEET_PUBLISH_REFUSED: 'The broker refused the message.';
    readonly JETFLEET_MESSAGE_TOO_LARGE: 'The message is over a size limit of the broker.';
    readonly JETFLEET_PUBLISH_TIMEOUT: 'The broker did not confirm the message in time.';
    readonly JETFLEET_READ_TIMEOUT: 'The broker did not answer a read in time.';
    readonly JETFLEET_NATS_SERVER_NOT_FOUND: 'No nats-server binary could be found or fetched.';
    readonly JETFLEET_NATS_SERVER_FAILED: 'The embedded nats-server did not start.';
    readonly JETFLEET_PROVIDER_CAPACITY: 'The provider has no capacity for what was asked.';
    readonly JETFLEET_PROVIDER_QUOTA: 'The account has reached a limit of the provider.';
    readonly JETFLEET_PROVIDER_BALANCE: 'The account of the provider has no balance left.';
    readonly JETFLEET_PROVIDER_AUTH: 'The provider refused the API key.';
    readonly JETFLEET_PROVIDER_VALIDATION: 'The provider refused the request as invalid.';
    readonly JETFLEET_PROVIDER_NOT_FOUND: 'The provider does not know what was asked for.';
    readonly JETFLEET_PROVIDER_CONFLICT: 'The provider refused the request in the present state of the instance.';
    readonly JETFLEET_PROVIDER_RATE_LIMITED: 'The provider asks to slow down.';
    readonly JETFLEET_PROVIDER_TRANSIENT: 'The provider failed for a moment.';
    readonly JETFLEET_PROVIDER_AMBIGUOUS: 'It is not known whether the provider carried the request out.';
    readonly JETFLEET_NO_PROVIDER: 'The process knows no account of a provider.';
    readonly JETFLEET_INSTANCE_VANISHED: 'The instance was removed by somebody else.';
    readonly JETFLEET_INSTANCE_FAILED: 'The instance failed to start.';
    readonly JETFLEET_INSTANCE_TIMEOUT: 'The instance did not run within its waiting time.';
    readonly JETFLEET_INSTANCE_NOT_DELETED: 'The instance could not be shown to be gone.';
    readonly JETFLEET_INSTANCE_UNSUPPORTED: 'The provider of the instance cannot do what was asked for.';
    readonly JETFLEET_INSTANCE_NOT_OURS: 'No record shows that a job of this queue rented the instance, so it is not touched.';
    readonly JETFLEET_LIMIT_INSTANCES: 'Another instance would exceed `maxInstances` of the worker.';
    readonly JETFLEET_LIMIT_GPUS: 'The instance would exceed `maxGpus` of the worker.';
    readonly JETFLEET_WEBHOOK_URL_INVALID: 'The webhook URL cannot be used.';
    readonly JETFLEET_WEBHOOK_SECRET_INVALID: 'The webhook secret or key is not of the form whsec_<base64>, whsk_<base64> or whpk_<base64>.';
    readonly JETFLEET_WEBHOOK_SIGNATURE_INVALID: 'The webhook was not signed with the secret, or is too old.';
    readonly JETFLEET_WEBHOOK_FAILED: 'The endpoint did not accept the webhook.';
    readonly JETFLEET_WEBHOOK_GONE: 'The endpoint answered 410: it wants no more webhooks.';
    readonly JETFLEET_WEBHOOK_NOT_KEPT: 'The endpoint is disabled, and the webhook is older, or one more, than it keeps meanwhile.';
    readonly JETFLEET_ENDPOINT_INVALID: 'An endpoint of webhooks has a setting that cannot be used.';
    readonly JETFLEET_ENDPOINT_SEALED: 'The secrets of an endpoint cannot be encrypted or decrypted here.';
    readonly JETFLEET_OUTBOX_DRIVER: 'The outbox needs the package pg, which is not installed.';
    readonly JETFLEET_OUTBOX_UNREACHABLE: 'PostgreSQL does not answer the outbox, or refuses its user.';
    readonly JETFLEET_OUTBOX_TABLE: 'The table of the outbox is missing, differs from what is needed, or may not be used.';
    readonly JETFLEET_HTTP_UNAUTHORIZED: 'The request has no valid token.';
    readonly JETFLEET_HTTP_FORBIDDEN: 'The role of the token does not cover the request.';
    readonly JETFLEET_HTTP_FOREIGN: 'The request comes from a page of another site, or names another host.';
    readonly JETFLEET_HTTP_NOT_FOUND: 'The HTTP API has nothing at this path.';
    readonly JETFLEET_HTTP_METHOD: 'The HTTP API has this path, but not for this method.';
    readonly JETFLEET_HTTP_INVALID: 'A part of the request does not fit what the OpenAPI document says.';
    readonly JETFLEET_HTTP_BODY_TOO_LARGE: 'The body of the request is over the limit of its path.';
    readonly JETFLEET_HTTP_MEDIA_TYPE: 'The body of the request is not declared as application/json.';
    readonly JETFLEET_HTTP_KEY_REUSED: 'The Idempotency-Key was used for another job.';
    readonly JETFLEET_HTTP_TOO_MANY: 'Too many wrong tokens came from the address, or the token has too many streams open.';
    readonly JETFLEET_HTTP_ADDRESS: 'The HTTP server cannot listen at the address.';
    readonly JETFLEET_NOT_READY: 'The server or worker that was asked is not ready.';
    readonly JETFLEET_NOT_CONFIRMED: 'A command was not confirmed, so it changed nothing.';
    readonly JETFLEET_HTTP_FAILED: 'The HTTP server failed for a reason of its own.';
};
type ErrorCode = keyof typeof ERROR_CODES;
/** One fault in a payload: where it is (`regions[0]`, empty for the whole), and what is wrong there. */
interface Problem {
    path: string;
    message: string;
}
/** How an error stands on a job record: plain JSON, the same for every language. */
interface JobErrorInfo {
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
interface JetfleetErrorOptions extends ErrorOptions {
    retryable?: boolean;
    problems?: Problem[] | undefined;
    excerpt?: string | undefined;
    retryAfterMs?: number;
    details?: Record<string, unknown> | undefined;
}
declare const BRAND: unique symbol;
/** The base of every error of Jetfleet. {@link JetfleetError.is} also knows those of a second copy of the package. */
declare class JetfleetError extends Error {
    readonly code: string;
    readonly retryable: boolean;
    readonly problems?: Problem[];
    readonly excerpt?: string;
    readonly retryAfterMs?: number;
    readonly details?: Record<string, unknown>;
    readonly [BRAND] = true;
    constructor(code: ErrorCode | (string & {}), message: string, options?: JetfleetErrorOptions);
    /** Whether it is an error of Jetfleet, of `code` where that is given. Never throws, whatever `value` is. */
    static is(value: unknown, code?: ErrorCode): value is JetfleetError;
}
/** The input is wrong and stays wrong: the job fails at once, with every problem listed. */
declare class ValidationError extends JetfleetError {
}
/** Thrown by a handler to fail its job at once, whatever attempts are left. */
declare class NonRetryableError extends JetfleetError {
    constructor(message: string, options?: JetfleetErrorOptions & {
        code?: string;
    });
}
/** Thrown by a handler to ask for another attempt, after `retryAfterMs` where it is given. */
declare class RetryableError extends JetfleetError {
    constructor(message: string, options?: JetfleetErrorOptions & {
        code?: string;
    });
}
/** An attempt ran longer than its job allows. The job fails at once. */
declare class TimeoutError extends JetfleetError {
    constructor(message: string);
}
/**
 * Thrown to whoever waits for the result of a job that FAILED: code and message are those of its error. It counts as retryable, like
 * any error that a handler throws: the job may be run again meanwhile.
 */
declare class JobFailedError extends JetfleetError {
    readonly jobId: string;
    constructor(jobId: string, error: JobErrorInfo);
}
/** The broker cannot be reached, or did not answer. */
declare class BrokerError extends JetfleetError {
}
/** A write was refused because somebody else wrote first. */
declare class ConflictError extends JetfleetError {
    constructor(message: string, options?: JetfleetErrorOptions);
}
/** Thrown where another job has the unique key of one that was to be added: `jobId` is that job. */
declare class UniqueKeyTakenError extends JetfleetError {
    readonly jobId: string;
    constructor(jobId: string, message: string, options?: JetfleetErrorOptions);
}
/** Why a handler's AbortSignal fired. */
type AbortReason = 'timeout' | 'cancelled' | 'lease_lost' | 'draining';
/** The `reason` of a handler's AbortSignal. */
declare class JobAborted extends JetfleetError {
    readonly reason: AbortReason;
    constructor(reason: AbortReason, message: string);
}

export { BrokerError, ConflictError, ERROR_CODES, JetfleetError, JobAborted, JobFailedError, NonRetryableError, RetryableError, TimeoutError, UniqueKeyTakenError, ValidationError };
export type { AbortReason, ErrorCode, JetfleetErrorOptions, JobErrorInfo, Problem };
