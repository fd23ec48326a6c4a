/** Every header of the wire contract as a JSON Schema, and which messages may have which. */
import {
  MAX_DELAY_MS,
  MAX_MAX_ATTEMPTS,
  MAX_TAG_LENGTH,
  MAX_TAGS,
  MAX_TIMEOUT_MS,
  MAX_URL_LENGTH,
} from '../../src/jobs/limits.js';
import { OVERLAPS } from '../../src/jobs/schedule.js';
import { Header } from '../../src/wire/headers.js';

type Schema = Record<string, unknown>;

const text = (description: string, more: Schema = {}): Schema => ({ type: 'string', description, ...more });
const count = (description: string, max: number): Schema =>
  text(`${description} An integer from 1 to ${max}, as text.`, { pattern: '^ *[0-9]{1,12} *$' });
const time = (description: string): Schema => text(description, { format: 'date-time' });
const json = (description: string): Schema => text(description, { contentMediaType: 'application/json' });

export const HEADERS: Readonly<Record<Header, Schema>> = {
  [Header.MSG_ID]: text(
    'Deduplicates repeated publishes within two minutes. `jetfleet:<id>` declares that the ULID `<id>` was generated for this message only.',
  ),
  [Header.MAX_ATTEMPTS]: count('How often the job may be attempted.', MAX_MAX_ATTEMPTS),
  [Header.TIMEOUT_MS]: count('The limit for one attempt, in milliseconds.', MAX_TIMEOUT_MS),
  [Header.EXPIRES_IN_MS]: count(
    'How long the job may wait for its first attempt, in milliseconds.',
    MAX_DELAY_MS,
  ),
  [Header.WEBHOOK_URL]: text('The endpoint that receives the webhook about the end of the job.', {
    maxLength: MAX_URL_LENGTH,
  }),
  [Header.TAGS]: text(`Up to ${MAX_TAGS} tags of up to ${MAX_TAG_LENGTH} characters, separated by commas.`),
  [Header.TRACEPARENT]: text('W3C trace context.'),
  [Header.TRACESTATE]: text('W3C trace state.'),
  [Header.CREATED_AT]: time('When the job was added. Set by Jetfleet only.'),
  [Header.CHANGE]: json('The last change of a waiting job. Set by Jetfleet only.'),
  [Header.PARENT_ID]: text('The job that this job follows from. Set by Jetfleet only.'),
  [Header.AWAITED]: text(
    'The group of its parent in which the end of this job counts. Set by Jetfleet only.',
  ),
  [Header.UNIQUE]: text('The unique key of the job: `<scope> <key, percent-encoded>`.'),
  [Header.LIMITS]: json('The permits that the job waits for. Set by Jetfleet only.'),
  [Header.WOKEN]: text('What the job waits for has come. Set by Jetfleet only.'),
  [Header.SCHEDULE]: text('`@at <RFC 3339>`, a cron expression of 6 fields, or `@every <duration>`.'),
  [Header.SCHEDULE_TARGET]: text('The `due` subject on which the timer publishes its job.'),
  [Header.SCHEDULE_TIME_ZONE]: text('The time zone of a cron expression, such as `Europe/Berlin`.'),
  [Header.SCHEDULER]: text('The subject of the schedule that started the job. Set by the server.'),
  [Header.SCHEDULE_NEXT]: text('When the schedule fires next, or `purge`. Set by the server.'),
  [Header.ROLLUP]: text('`sub`: the message replaces the one before on its subject.'),
  [Header.OVERLAP]: text('Whether runs of a recurring schedule may overlap.', { enum: [...OVERLAPS] }),
  [Header.JITTER_MS]: text('The random delay of each run, in milliseconds.', { pattern: '^[0-9]+$' }),
  [Header.UNTIL]: time('When the schedule ends.'),
  [Header.PAUSED_SCHEDULE]: text('The `Nats-Schedule` of a paused schedule.'),
  [Header.PAUSED_TIME_ZONE]: text('The `Nats-Schedule-Time-Zone` of a paused schedule.'),
  [Header.PAUSED_AT]: time('When the schedule was paused.'),
  [Header.SCHEDULED_BY]: text('The schedule of a run that was requested by hand. Set by Jetfleet only.'),
  [Header.NEXT_TICK]: time('When the next tick is due, for a run that makes up for a missed one.'),
  [Header.TTL]: text('After how long the server removes the message.'),
  [Header.STREAM_SOURCE]: text('The message came from TIMERS. Set by the server.'),
  [Header.READ_FROM]: text('The message was read from its stream. Set by the server.'),
};

/** What a producer may set. */
const PRODUCER = [
  Header.MSG_ID,
  Header.MAX_ATTEMPTS,
  Header.TIMEOUT_MS,
  Header.EXPIRES_IN_MS,
  Header.WEBHOOK_URL,
  Header.TAGS,
  Header.TRACEPARENT,
  Header.TRACESTATE,
];
/** What Jetfleet adds to a job of its own. */
const OWN = [Header.CREATED_AT, Header.CHANGE, Header.PARENT_ID, Header.AWAITED, Header.UNIQUE];
const TIMER = [Header.SCHEDULE, Header.SCHEDULE_TARGET, Header.ROLLUP];
const RUN = [Header.SCHEDULED_BY, Header.NEXT_TICK, Header.OVERLAP];

/** The headers of a message by its kind. */
export const HEADERS_OF = {
  job: [
    ...PRODUCER,
    ...OWN,
    ...RUN,
    ...[Header.WOKEN, Header.LIMITS, Header.SCHEDULER, Header.SCHEDULE_NEXT],
    ...[Header.STREAM_SOURCE, Header.READ_FROM],
  ],
  timer: [...PRODUCER, ...OWN, ...TIMER, ...RUN, Header.LIMITS, Header.WOKEN],
  schedule: [
    ...PRODUCER,
    ...TIMER,
    ...[Header.SCHEDULE_TIME_ZONE, Header.OVERLAP, Header.JITTER_MS, Header.UNTIL],
    ...[Header.PAUSED_SCHEDULE, Header.PAUSED_TIME_ZONE, Header.PAUSED_AT],
  ],
  replaced: [Header.ROLLUP],
  expiring: [Header.TTL],
  repeated: [Header.MSG_ID],
} as const satisfies Record<string, readonly Header[]>;

export type HeaderKind = keyof typeof HEADERS_OF;
