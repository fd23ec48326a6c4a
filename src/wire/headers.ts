/** The headers of the wire contract. The first group is for producers in any language. */
export const Header = {
  MSG_ID: 'Nats-Msg-Id',
  MAX_ATTEMPTS: 'Jetfleet-Max-Attempts',
  TIMEOUT_MS: 'Jetfleet-Timeout-Ms',
  WEBHOOK_URL: 'Jetfleet-Webhook-Url',
  TRACEPARENT: 'traceparent',
  TRACESTATE: 'tracestate',
  /** `1`: the id was made for this message, so that no other one carries it, and a worker need not make sure first. */
  NEW_ID: 'Jetfleet-New-Id',

  /** ISO 8601: when the job was first asked for, kept through timers. Set by Jetfleet. */
  CREATED_AT: 'Jetfleet-Created-At',
  /** The job that this one follows from. Set by Jetfleet. */
  PARENT_ID: 'Jetfleet-Parent-Id',

  /** The event that the message was published again for: the job has a record already. Set by Jetfleet. */
  EVENT_SEQ: 'Jetfleet-Event-Seq',

  /** `@at <RFC 3339>`, a cron expression or `@every <duration>` (nats-server ADR-51). */
  SCHEDULE: 'Nats-Schedule',
  SCHEDULE_TARGET: 'Nats-Schedule-Target',
  /** Set by the server on a message that a schedule fired: the schedule's subject. */
  SCHEDULER: 'Nats-Scheduler',
} as const;
export type Header = (typeof Header)[keyof typeof Header];

/** Headers as name and value; the order is kept on the wire. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** How a decoder reads headers: an empty string for one that is missing. */
export interface HeaderReader {
  get(name: string): string;
}

export const NO_HEADERS: HeaderReader = { get: () => '' };
