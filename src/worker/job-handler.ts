import type { AnyActorLogic } from 'xstate';
import { assertDefinition, type JobDefinition, type JobTypes } from '../jobs/define-job.js';
import { defined } from '../jobs/defined.js';
import { invalidOption } from '../jobs/errors.js';
import type { ChildEnd } from '../jobs/flow.js';
import type { JobRecord } from '../jobs/job-record.js';
import type { KnownJobs } from '../jobs/known-jobs.js';
import type { LimitSettings } from '../jobs/limit.js';
import { assertFunction, assertObject, assertOptions, type OptionNames } from '../jobs/options.js';
import type { CompletedWith, OUTCOME, Snoozed } from '../jobs/outcome.js';
import type { PriorityPolicy } from '../jobs/priority-policy.js';
import type { RetryPolicy } from '../jobs/retry-policy.js';
import { type CheckedRun, checkedRun, RUN_DEFAULTS, type RunDefaults } from '../jobs/run-defaults.js';
import { assertSchema, type Schema } from '../jobs/schema.js';
import type { SignalOptions } from '../jobs/signals.js';
import { assertJobType } from '../jobs/validation.js';
import type { JobPriority } from '../jobs/vocabulary.js';
import type { PermitContext } from '../queue/limits/live-limits.js';
import type { Logger } from '../telemetry/logger.js';
import type { ChildJob, ChildrenOptions } from './child-job.js';

/** What a handler is given. */
export interface JobContext<P = unknown, C = unknown, K = unknown> {
  readonly id: string;
  readonly type: string;
  readonly priority: JobPriority;
  readonly payload: P;
  /** From 1. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /** What an earlier run left by `snooze` or `saveCheckpoint`. */
  readonly checkpoint: C | undefined;
  /** The whole record, as the claim writes it. */
  readonly record: JobRecord;
  /** Aborts when the job times out, is cancelled, was lost to another worker, or must be handed back: see `reason`. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /**
   * Makes something durable for later runs of this job. Resolves once it is.
   * @throws ConflictError when another worker has taken the job over: stop at once
   * @throws ValidationError `JETFLEET_RESULT_TOO_LARGE` over 128 KiB
   */
  saveCheckpoint(value: C): Promise<void>;
  /**
   * Says how far the job is: a percentage, `{ done, total, message }`, or any JSON up to 4 KiB. It may be called as often as you like: at
   * most four values a second are stored, and the last one always is. `getJob` and the API show it. A new attempt
   * begins without.
   * @throws ValidationError `JETFLEET_REPORT_INVALID`
   */
  progress(value: JobProgress): void;
  /** Adds a line to the log of the job. The last 10,000 lines, and of these at most 1 MiB, are kept as long as its record: see `queue.logs`. */
  log(line: string): void;
  /**
   * Gives a part of the result to whoever reads `queue.stream(id)`, any JSON up to 128 KiB. Resolves once it is stored. Nobody has to
   * wait for it, but a handler that does emits no faster than the broker stores.
   * @throws ConflictError when another worker has taken the job over: stop at once
   * @throws ValidationError `JETFLEET_REPORT_INVALID`; BrokerError `JETFLEET_BACKPRESSURE`
   */
  emit(chunk: K): Promise<void>;
  /**
   * Keeps the jobs of this worker from within code that blocks the event loop, such as a long loop: call it at least every few seconds.
   * Calls in between cost nothing. The worker does it by itself while the event loop turns.
   */
  heartbeat(): void;
  /**
   * Keeps the jobs of this worker for `ms` although nothing is heard of it, for a call that blocks the event loop and cannot be interrupted. Resolves
   * once the broker knows. Should the process die meanwhile, its jobs start elsewhere only when the time is over. 0 ends it early.
   * @param ms up to 24 hours
   * @throws ValidationError `JETFLEET_OPTION_INVALID`
   */
  extendLease(ms: number): Promise<void>;
  /**
   * Waits for a signal: {@link JobQueueService.signal}, or one publish on `signals.<job id>.<name>` from any language. If it has not come, the
   * job hibernates: this run of the handler ends, the job holds no slot and no memory, and once the signal has come the handler
   * runs again from its beginning, in the same attempt. The call then returns at once what was sent, in this run and in every
   * later one. The second call for a name waits for the second signal of that name. Whatever must not be done again stands
   * behind the wait, or is kept by {@link saveCheckpoint}.
   *
   * Carried by the stream SIGNALS, its one durable consumer that all workers share, and a timer in TIMERS.
   * @returns the data, null for none; undefined when `timeoutMs` have passed since the job first came to this wait
   * @throws JetfleetError `JETFLEET_HIBERNATING` when it hibernates: do not catch it
   * @throws ValidationError `JETFLEET_SIGNAL_INVALID`, `JETFLEET_OPTION_INVALID`
   */
  waitForSignal<T = unknown>(name: string, options?: { timeoutMs?: undefined }): Promise<T>;
  waitForSignal<T = unknown>(name: string, options: SignalOptions): Promise<T | undefined>;
  /**
   * Adds jobs as children of this one, each once, and waits until all have ended. The job hibernates meanwhile, as in
   * {@link waitForSignal}: then the handler runs again from its beginning, and the call returns at once. Every run must ask for the same
   * children. They are cancelled with their parent.
   *
   * Carried by the stream SIGNALS: whoever ends the last child wakes the parent by one write to TIMERS.
   * @returns how each has ended, in the order of the list
   * @throws NonRetryableError `JETFLEET_CHILD_FAILED` when one fails, with `onFailure: 'fail'` (the default);
   *   `JETFLEET_CHILDREN_CHANGED`
   * @throws JetfleetError `JETFLEET_HIBERNATING` when it hibernates: do not catch it
   * @throws ValidationError `JETFLEET_FLOW_INVALID`, and as adding the jobs would
   */
  children<R = unknown>(jobs: readonly ChildJob[], options?: ChildrenOptions): Promise<ChildEnd<R>[]>;
  /** How the jobs of its flow have ended that this one runs after, by their keys; empty for a job of no flow. */
  results<R = unknown>(): Promise<Record<string, ChildEnd<R>>>;
  /**
   * Runs a call once all workers together leave a permit for it: a limit around any part of a job. It waits in this worker, with the slot of the job;
   * jobs that need a permit to run at all should have `limits`. An error with `retryAfterMs` closes the key until then.
   * @example await job.limit('novita:account-1', () => fetch(url))
   * @param limit `<name>:<key>`
   * @param settings defaults to those of the worker; what `queue.limits.set` has said comes before both
   * @throws what the call throws; the reason of the job's signal; JetfleetError `JETFLEET_LIMIT_UNKNOWN`
   * @throws ValidationError `JETFLEET_LIMIT_INVALID`
   */
  limit<T>(
    limit: string,
    call: (permit: PermitContext) => T | Promise<T>,
    settings?: LimitSettings,
  ): Promise<T>;
}

/** How far a job is. A number is a percentage. */
export type JobProgress =
  | number
  | string
  | { done?: number; total?: number; message?: string; [more: string]: unknown };

/**
 * Runs a job. What it returns becomes the job's result, unless it is `snooze(...)` or `complete(...)`. Any error is
 * retried with backoff; `NonRetryableError` and `ValidationError` fail the job at once.
 */
export type JobHandler<P = unknown> = (job: JobContext<P>) => unknown | Promise<unknown>;

/** Runs a job of a definition: it gets, leaves and returns what the definition says. */
export type TypedHandler<T extends JobTypes> = (
  job: JobContext<T['payload'], T['checkpoint'], T['chunk']>,
) => TypedOutcome<T> | Promise<TypedOutcome<T>>;
type TypedOutcome<T extends JobTypes> = Result<T> | CompletedWith<T['returned']> | Snoozed<T['checkpoint']>;
/** Without a schema of the result anything may be returned, but no outcome with another checkpoint than the definition's. */
type Result<T extends JobTypes> = unknown extends T['returned']
  ? unknown extends T['checkpoint']
    ? unknown
    : Value
  : T['returned'];
// biome-ignore lint/suspicious/noConfusingVoidType: a handler may return nothing
type Value = string | number | boolean | null | undefined | void | NoOutcome;
type NoOutcome = object & { readonly [OUTCOME]?: never; readonly then?: never };

/** How a worker runs one job type. */
export interface HandlerOptions<P = unknown> extends RunDefaults {
  /** Checks each payload before the handler sees it; an invalid one fails the job at once. Defaults to none. */
  payload?: Schema<unknown, P>;
  /** A function. Exactly one of `handler` and `chart` is given. */
  handler?: JobHandler<P>;
  /** XState logic with a `RunInput` as input and a `JobOutcome` as output. */
  chart?: AnyActorLogic;
}

const HANDLER_OPTIONS: OptionNames<Required<HandlerOptions>> = {
  payload: true,
  handler: true,
  chart: true,
  ...RUN_DEFAULTS,
};

/**
 * Called with the record of each outcome before it is stored, and with the record before the attempt. The outcome waits for it: where the worker
 * dies in between, another one comes to the same outcome and calls it again. What it throws is logged, and changes nothing.
 */
export type BeforeStored = (record: JobRecord, before: JobRecord) => Promise<void>;

/** A definition with what runs its jobs; made by {@link handled}. */
export interface Handled {
  readonly job: JobDefinition;
  readonly options: HandlerOptions;
  /** @internal */
  readonly beforeStored?: BeforeStored;
  /**
   * Whether most namespaces never have such a job: its consumers are made with the first one. Not for a type with `after` or limits, which
   * processes that do not know it read from its consumers.
   * @internal
   */
  readonly isSeldom?: boolean;
}

/**
 * Says how the jobs of a definition run; see `handle` of the worker.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
export function handled<T extends JobTypes>(
  job: JobDefinition<T>,
  run: TypedHandler<T> | AnyActorLogic,
  options: RunDefaults = {},
): Handled {
  assertDefinition(job);
  assertOptions(`options of ${job.type}`, options, RUN_DEFAULTS);
  const defaults = Object.keys(RUN_DEFAULTS).map((name) => [name, job[name as keyof RunDefaults]]);
  const running = typeof run === 'function' ? { handler: run as JobHandler } : { chart: run };
  const schema = job.payload && { payload: job.payload as Schema };
  return {
    job,
    options: defined({ ...Object.fromEntries(defaults), ...defined(options), ...running, ...schema }),
  };
}

/** How a worker runs one job type: what a definition, a handler and its options come to, checked and filled in. */
export interface RegisteredHandler extends CheckedRun {
  type: string;
  /** Where the type was given by its definition, not by its name alone. */
  job?: JobDefinition;
  beforeStored?: BeforeStored;
  payload?: Schema;
  /** Whether its jobs are taken only from the first one on. */
  isSeldom?: boolean;
  run: { kind: 'function'; handler: JobHandler } | { kind: 'chart'; logic: AnyActorLogic };
}

/** What a worker says of its types, in place of what their handlers say. */
export interface HandlerOverrides {
  /** Jobs that run at once, by type; overrides what the handler says. */
  concurrency?: Readonly<Record<string, number>>;
  /** Which of the waiting jobs a free slot gets, by type; overrides what the handler says. */
  priorities?: Readonly<Record<string, PriorityPolicy>>;
  /** Delays between attempts, by type; overrides what the handler says. */
  retry?: Readonly<Record<string, RetryPolicy>>;
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function definedHandler(
  // Taken apart below: the types of the package do not show all of it.
  given: Handled,
  known: KnownJobs,
  overrides: HandlerOverrides,
): RegisteredHandler {
  const { job, options, beforeStored, isSeldom = false } = given;
  assertDefinition(job);
  return {
    ...handlerOf(job.type, options, known, overrides),
    job,
    isSeldom,
    ...defined({ beforeStored }),
  };
}

/** @throws ValidationError `JETFLEET_TYPE_INVALID`, `JETFLEET_OPTION_INVALID` */
export function handlerOf<P>(
  type: string,
  options: HandlerOptions<P>,
  known: KnownJobs,
  overrides: HandlerOverrides,
): RegisteredHandler {
  assertJobType(type);
  assertOptions(`options of ${type}`, options as HandlerOptions, HANDLER_OPTIONS);
  const { handler, chart, payload, ...settings } = options;
  if ((handler === undefined) === (chart === undefined)) {
    throw invalidOption(`handler of ${type} needs either a handler or a chart`);
  }
  if (chart === undefined) assertFunction(`handler of ${type}`, handler);
  else assertObject(`chart of ${type}`, chart);
  if (payload !== undefined) assertSchema(`payload of ${type}`, payload);
  const ofType = {
    maxAttempts: settings.maxAttempts ?? known.get(type)?.maxAttempts,
    retention: settings.retention ?? known.get(type)?.retention,
    concurrency: ownOf(overrides.concurrency, type),
    retry: ownOf(overrides.retry, type),
    priorities: ownOf(overrides.priorities, type),
  };
  return {
    type,
    ...(payload && { payload: payload as Schema }),
    run: chart ? { kind: 'chart', logic: chart } : { kind: 'function', handler: handler as JobHandler },
    ...checkedRun(type, { ...settings, ...defined(ofType) }),
  };
}

/** A name such as `constructor` is a legal type, and no setting. */
function ownOf<T>(settings: Readonly<Record<string, T>> = {}, type: string): T | undefined {
  return Object.hasOwn(settings, type) ? settings[type] : undefined;
}
