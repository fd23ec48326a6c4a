/** The headers of the wire contract. The first group is for producers in any language. */
export const Header = {
  MSG_ID: 'Nats-Msg-Id',
  MAX_ATTEMPTS: 'Jetfleet-Max-Attempts',
  TIMEOUT_MS: 'Jetfleet-Timeout-Ms',
  WEBHOOK_URL: 'Jetfleet-Webhook-Url',
  TRACEPARENT: 'traceparent',
  TRACESTATE: 'tracestate',

  /** ISO 8601: when the job was first asked for. Set by Jetfleet; believed only of a message that comes from TIMERS. */
  CREATED_AT: 'Jetfleet-Created-At',
  /** The job that this one follows from. Set by Jetfleet; only a job whose id is derived from that job's may have it. */
  PARENT_ID: 'Jetfleet-Parent-Id',

  /** `@at <RFC 3339>`, a cron expression or `@every <duration>` (nats-server ADR-51). */
  SCHEDULE: 'Nats-Schedule',
  SCHEDULE_TARGET: 'Nats-Schedule-Target',
  /** Set by the server on what a work stream has taken from TIMERS; it refuses the header of anybody else. */
  STREAM_SOURCE: 'Nats-Stream-Source',
  /** Set by the server on a stored message that it hands to a reader (ADR-31). */
  READ_FROM: 'Nats-Stream',
} as const;
export type Header = (typeof Header)[keyof typeof Header];

/** Headers as name and value; the order is kept on the wire. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** How a decoder reads headers: an empty string for one that is missing. */
export interface HeaderReader {
  get(name: string): string;
}

export const NO_HEADERS: HeaderReader = { get: () => '' };
