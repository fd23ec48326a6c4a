import type { FollowUp } from './job-record.js';
import type { DebounceOptions, UniqueOptions } from './unique-options.js';
import type { JobPriority } from './vocabulary.js';

/** What a caller may say about a job besides its payload. */
export interface JobOptions {
  /** 1 to 100 of `[A-Za-z0-9_-]`; the same id twice is one job. Defaults to a new ULID. */
  id?: string;
  /** Start no earlier than this many milliseconds from now, at most 366 days. */
  delayMs?: number;
  /** Start no earlier than this time: instead of `delayMs`. */
  runAt?: Date | string;
  /** 1 to 100. Defaults to its type's, else to 3. */
  maxAttempts?: number;
  /** Limit for one attempt in milliseconds, at most 24 hours. Defaults to its type's, else to 24 hours. */
  timeoutMs?: number;
  /**
   * How long the job may wait for its first attempt, in milliseconds from when it may start: 1 to 366 days. A job that is claimed later
   * fails as `expired` instead of running. Defaults to for ever.
   */
  expiresInMs?: number;
  /**
   * Where a webhook goes when the job has ended. Instance operations report `instance.*` as a whole, and the `webhookUrl` of
   * their payloads comes first; jobs of every other type report `job.completed`, `job.failed` or `job.timeout`.
   */
  webhookUrl?: string;
  /**
   * By what the job is found again: `tenant:acme`, `nightly`. At most 10, with those of its type, each 1 to 64 of
   * `[A-Za-z0-9_.:/@+#=-]`. See `getJobs({ tags })`.
   */
  tags?: readonly string[];
  /** W3C trace context, kept on every record of the job. */
  traceparent?: string;
  tracestate?: string;
  /** One job of the type for each key; `false` for none. Defaults to its type's, else to none. */
  unique?: UniqueOptions | false;
  /** One job for many calls, once no more come; instead of `id`, `delayMs`, `runAt` and `unique`. Defaults to its type's, else to none. */
  debounce?: DebounceOptions | false;
}

/** One job of `addJobs`. */
export interface NewJob extends JobOptions {
  type: string;
  payload: unknown;
  /** Defaults to `normal`. */
  priority?: JobPriority;
}

/** A follow-up as a handler names it; the worker derives the id and fills in the job's own priority. */
export type NextJob = Omit<FollowUp, 'id' | 'priority'> & {
  /** Appended to this job's id: `order-42` and `monitor` make `order-42-monitor`. */
  idSuffix: string;
  priority?: FollowUp['priority'];
};
