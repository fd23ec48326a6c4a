import { invalidOption, type JobErrorInfo } from '../../jobs/errors.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { assertFunction, assertOptions, checkName, type OptionNames } from '../../jobs/options.js';
import type { JobState, WorkKind } from '../../jobs/vocabulary.js';
import type { JobContext } from '../job-handler.js';

/** How one attempt ended, once that is stored. */
export interface SettledAttempt {
  /**
   * Where the job stands now: `completed`, `retrying`, `exhausted`, `waiting` after a snooze, `queued` where the job was handed back, and
   * so on. `lost`: another worker has the job, or its record could not be written; the job goes on without this attempt.
   */
  readonly state: JobState | 'lost';
  /** The record as this worker wrote it last; of a lost or cancelled job, that of its claim. */
  readonly record: JobRecord;
  /** From the claim until all is written, in milliseconds. */
  readonly durationMs: number;
  /** Why the attempt failed. */
  readonly error: JobErrorInfo | undefined;
}

/** Where an attempt comes from. */
export interface ClaimedFrom {
  /** What the job was before: `queued`, `retrying`, `waiting`, ... */
  readonly state: JobState;
  /** Since when it was that. */
  readonly since: Date;
  /** When the worker claimed it. */
  readonly claimedAt: Date;
  /**
   * How long it waited for a worker, in milliseconds: from when it could start until `claimedAt`. Delays, pauses before a retry and snoozes
   * are not part of it. 0 for a job that a signal woke.
   */
  readonly waitedMs: number;
  /** The first token of its subject. */
  readonly stream: WorkKind;
  /** Of its record. To read them here is cheaper than `job.record`, which is a copy. */
  readonly worker: string | undefined;
  readonly parentId: string | undefined;
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
}

/**
 * What a worker calls around each of its jobs, for tracing, tenants and metrics. All three are given the same object as the handler, so a
 * `WeakMap` can hold what belongs to an attempt. What they throw is logged, counted in `callbackFailures` of the queue, and goes no
 * further: no hook fails a job, changes its result or keeps it from running.
 */
export interface WorkerHooks {
  /** A later one of this name takes its place. Defaults to none: then it stays. */
  readonly name?: string;
  /** Called before the handler begins, which does not wait for it. Each attempt of a job is a claim. */
  onClaim?(job: JobContext, from: ClaimedFrom): unknown;
  /**
   * Called in place of the handler: `next` begins it, and settles as it does. Whatever runs in `next` sees the `AsyncLocalStorage`
   * that it was called in. Several nest, the first one outermost. A handler that has not begun after 5 seconds, or when `around` has
   * ended, begins without it. What `around` does after `next` keeps nobody waiting. The `next` of a chart resolves once the chart has
   * ended, however it ended.
   *
   * @example around: (job, next) => tenants.run(job.payload.tenant, next)
   */
  around?(job: JobContext, next: () => Promise<unknown>): unknown;
  /** Called once for each `onClaim`, unless the process dies: when the outcome is stored, and what follows from it is published. */
  onSettled?(job: JobContext, settled: SettledAttempt): unknown;
}

const HOOKS: OptionNames<Required<WorkerHooks>> = {
  name: true,
  onClaim: true,
  around: true,
  onSettled: true,
};
const CALLED = ['onClaim', 'around', 'onSettled'] as const;

/** Whether what `use` was given is meant as hooks. Anything that can be installed is an extension. */
export function isHooks(value: unknown): value is WorkerHooks {
  const given = Object(value) as Partial<Record<string, unknown>>;
  return typeof given.install !== 'function' && CALLED.some((name) => given[name] !== undefined);
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function assertHooks(hooks: WorkerHooks): void {
  assertOptions('hooks', hooks, HOOKS);
  checkName('name of the hooks', hooks.name);
  for (const name of CALLED)
    if (hooks[name] !== undefined) assertFunction(`${name} of the hooks`, hooks[name]);
  if (!CALLED.some((name) => hooks[name])) throw invalidOption(`hooks need one of ${CALLED.join(', ')}`);
}
