/** The headers of the wire contract. The first group is for producers in any language. */
export const Header = {
  MSG_ID: 'Nats-Msg-Id',
  MAX_ATTEMPTS: 'Jetfleet-Max-Attempts',
  TIMEOUT_MS: 'Jetfleet-Timeout-Ms',
  EXPIRES_IN_MS: 'Jetfleet-Expires-In-Ms',
  WEBHOOK_URL: 'Jetfleet-Webhook-Url',
  /** Up to 10 tags, parted by commas: `tenant:acme,nightly`. */
  TAGS: 'Jetfleet-Tags',
  TRACEPARENT: 'traceparent',
  TRACESTATE: 'tracestate',

  /** ISO 8601: when the job was first asked for. Set by Jetfleet; believed only of a message that comes from TIMERS. */
  CREATED_AT: 'Jetfleet-Created-At',
  /** What somebody has changed of a delayed job, as JSON. Set by Jetfleet; believed only of a message that comes from TIMERS. */
  CHANGE: 'Jetfleet-Change',
  /** The job that this one follows from. Set by Jetfleet; only a job whose id is derived from that job's may have it. */
  PARENT_ID: 'Jetfleet-Parent-Id',
  /** The group of its parent's children in which the end of this one counts. Set by Jetfleet, beside the parent's id. */
  AWAITED: 'Jetfleet-Awaited',
  /** `<scope> <key in percent encoding>`: the unique key that the job has. Says nothing where UNIQUE does not give it to the job. */
  UNIQUE: 'Jetfleet-Unique',

  /** Of a job in line for a permit, as JSON: all permits that it needs. Set by Jetfleet. */
  LIMITS: 'Jetfleet-Limits',
  /** On a message from TIMERS: what the job waits for has come, so that it need not wait until it is due. */
  WOKEN: 'Jetfleet-Woken',

  /** `@at <RFC 3339>`, a cron expression or `@every <duration>` (nats-server ADR-51). */
  SCHEDULE: 'Nats-Schedule',
  SCHEDULE_TARGET: 'Nats-Schedule-Target',
  SCHEDULE_TIME_ZONE: 'Nats-Schedule-Time-Zone',
  /**
   * Set by the server on what a recurring schedule has started: the subject of the schedule, and when it fires next. With `purge` in the
   * place of that, a message removes the schedule as it is stored.
   */
  SCHEDULER: 'Nats-Scheduler',
  SCHEDULE_NEXT: 'Nats-Schedule-Next',
  ROLLUP: 'Nats-Rollup',

  /** Of a recurring schedule: `skip`, `allow` or `cancel`. One that lacks it is of `allow`. */
  OVERLAP: 'Jetfleet-Overlap',
  JITTER_MS: 'Jetfleet-Jitter-Ms',
  /** ISO 8601: when it ends. */
  UNTIL: 'Jetfleet-Until',
  /** Of a paused schedule: what its `Nats-Schedule` and `Nats-Schedule-Time-Zone` were, and since when; ISO 8601. */
  PAUSED_SCHEDULE: 'Jetfleet-Paused-Schedule',
  PAUSED_TIME_ZONE: 'Jetfleet-Paused-Time-Zone',
  PAUSED_AT: 'Jetfleet-Paused-At',
  /** Of a run that somebody asked for, or that makes up for a missed tick. Set by Jetfleet; believed only of what comes from TIMERS. */
  SCHEDULED_BY: 'Jetfleet-Scheduled-By',
  /** ISO 8601: of a run that makes up for a missed tick, when the next one is due. */
  NEXT_TICK: 'Jetfleet-Next-Tick',

  /** After how long the server removes a message, as `30s` (ADR-43). */
  TTL: 'Nats-TTL',
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
