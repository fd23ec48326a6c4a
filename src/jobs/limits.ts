/** Every limit of the contract in one place. Bytes are bytes of UTF-8, times are milliseconds. */

/** Largest body of a work message, and largest payload once parsed and written again. */
export const MAX_PAYLOAD_BYTES = 512 * 1024;
/** Largest payload or result that a queue can be set to keep as an object, as JSON. */
export const MAX_OBJECT_BYTES = 64 * 1024 * 1024;
/** Room for headers on top of the body: options, and those of a timer. The stream refuses what is larger. */
export const MAX_HEADER_BYTES = 8 * 1024;
/** Longest URL of a webhook in bytes, so that the headers of a job's timer always have room. */
export const MAX_URL_LENGTH = 2_048;
/** Largest record: below the 1 MB that a nats-server takes by default. */
export const MAX_RECORD_BYTES = 960 * 1024;
/** Longest path and message of one problem, in characters: a hostile key can be as long as a payload. */
export const MAX_PROBLEM_LENGTH = 300;
/** Deepest nesting of a payload. */
export const MAX_PAYLOAD_DEPTH = 100;
/** Largest result or checkpoint that a handler may leave on its record. */
export const MAX_RESULT_BYTES = 128 * 1024;
/** Largest progress that a handler may report. It stands on the record. */
export const MAX_PROGRESS_BYTES = 4 * 1024;
/** Longest line of a job's log, in characters; the rest of a longer one is left out. */
export const MAX_LOG_LINE_LENGTH = 4_000;
/** How much of a job's log is kept: the last lines. */
export const MAX_LOG_LINES = 10_000;
export const MAX_LOG_BYTES = 1024 * 1024;
/** Largest part of a result that a handler may emit. */
export const MAX_CHUNK_BYTES = 128 * 1024;
/** How many of a job's chunks are kept: the last ones. */
export const MAX_CHUNKS = 100_000;
export const MAX_CHUNKS_BYTES = 8 * 1024 * 1024;
/** Messages of one kind that the broker keeps of a job at most: workers keep fewer. */
export const MAX_ACTIVITY_MESSAGES = 10_000;
/** Largest message of reports, with one chunk at least. */
export const MAX_ACTIVITY_BYTES = 256 * 1024;
/** How many steps of the state machines of a job are kept: the first and the last ones. */
export const MAX_STEPS = 200;
/** What these may take, as JSON. */
export const MAX_STEPS_BYTES = 256 * 1024;
/** Largest data of a signal, as JSON; as large as the result of a child, which its parent is told. */
export const MAX_SIGNAL_BYTES = MAX_RESULT_BYTES + 2_048;
/** How many failures a job that was redriven remembers, the last ones. */
export const MAX_PAST_FAILURES = 10;
/** Largest error message kept on a record, in characters. */
export const MAX_ERROR_MESSAGE_LENGTH = 2_000;
/** Longest code of an error, in characters: a handler's own may be anything. */
export const MAX_ERROR_CODE_LENGTH = 100;
/** Largest stack kept on a record, in characters, with those of its causes. */
export const MAX_ERROR_STACK_LENGTH = 6_000;
/** Largest excerpt kept on a record, in characters: the beginning of an endpoint's answer. */
/** Longest JSON of what is known of a failed attempt besides its message. */
export const MAX_ERROR_DETAILS_LENGTH = 2_000;
export const MAX_ERROR_EXCERPT_LENGTH = 4_096;
/** How much of a broken body is kept with the error, in characters. */
export const EXCERPT_LENGTH = 200;
/** Most problems listed for one invalid payload. */
export const MAX_PROBLEMS = 50;

/** Most tags of a job, and the longest one in characters. */
export const MAX_TAGS = 10;
export const MAX_TAG_LENGTH = 64;

/** Longest id that a caller may choose. */
export const MAX_ID_LENGTH = 100;
/** Longest id that Jetfleet derives from another, such as `<id>-monitor`. */
export const MAX_DERIVED_ID_LENGTH = 128;

export const DEFAULT_MAX_ATTEMPTS = 3;
export const MAX_MAX_ATTEMPTS = 100;
/** Longest limit for one attempt: 24 hours. */
export const MAX_TIMEOUT_MS = 24 * 60 * 60 * 1000;
/** Longest delay of a scheduled job: 366 days. */
export const MAX_DELAY_MS = 366 * 24 * 60 * 60 * 1000;

export const DEFAULT_RETRY_BASE_MS = 1_000;
export const DEFAULT_MAX_RETRY_DELAY_MS = 300_000;

/** How long a delivered job stays with a worker that has gone silent. */
export const DEFAULT_ACK_WAIT_MS = 15_000;
/** Longest time for which a handler may run before its claim is written. A cleanup waits for it. */
export const MAX_CLAIM_AFTER_MS = 1_000;
/** How long the record of a job is kept. */
export const DEFAULT_EVENTS_MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000;

/** How long it is known who did what: 90 days, and the last 100,000 actions. */
export const AUDIT_MAX_AGE_MS = 90 * 24 * 60 * 60 * 1000;
export const MAX_AUDIT_ENTRIES = 100_000;
/** Largest entry of the audit trail. */
export const MAX_AUDIT_BYTES = 16 * 1024;

/** How far back the history of rates and times goes. */
export const HISTORY_MS = 24 * 60 * 60 * 1000;
/** How long a minute of it is kept: an hour longer, so that the first one of a day is whole. */
export const HISTORY_MAX_AGE_MS = HISTORY_MS + 60 * 60 * 1000;
/** Largest message of one minute. */
export const MAX_HISTORY_BYTES = 512 * 1024;
/** How many types, workers or tags of a minute are told apart; what is beyond these is counted together. */
export const MAX_HISTORY_VALUES = 40;
/** The same of error codes. */
export const MAX_HISTORY_ERRORS = 20;
