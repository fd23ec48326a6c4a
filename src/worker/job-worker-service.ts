import { hostname } from 'node:os';
import type { AnyActorLogic, InspectionEvent } from 'xstate';
import type { WorkerLifecycleState } from '../../machines/index.js';
import type { JobDefinition, JobTypes } from '../jobs/define-job.js';
import { defined } from '../jobs/defined.js';
import { JetfleetError } from '../jobs/errors.js';
import { type LimitSettings, namedLimits } from '../jobs/limit.js';
import { checkNumber, MAX_TIMER_MS } from '../jobs/numbers.js';
import { assertOptions, checkName, type OptionNames } from '../jobs/options.js';
import type { RunDefaults } from '../jobs/run-defaults.js';
import { rescheduleWaiting } from '../queue/change/move-timed.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import { assertQueue } from '../queue/queue-connection.js';
import type { Logger } from '../telemetry/logger.js';
import type { SweepOptions } from '../upkeep/sweeper.js';
import type { ShutdownResult } from './engine-options.js';
import type { WorkerExtension, WorkerHost } from './extension.js';
import type { WorkerHooks } from './hooks/worker-hooks.js';
import {
  definedHandler,
  type HandlerOptions,
  type HandlerOverrides,
  handled,
  handlerOf,
  type TypedHandler,
} from './job-handler.js';
import { heldJobOf } from './run/job-actor.js';
import { checkInspect, type InspectOptions } from './steps/keep-steps.js';
import { WorkerEngine } from './worker-engine.js';
import type { OnFailpoint } from './worker-services.js';

export interface JobWorkerOptions extends HandlerOverrides {
  /** Written on every record. Defaults to `<host>-<pid>-<random>`. */
  name?: string;
  /** Defaults to the queue's logger. */
  logger?: Logger;
  /** Finds stuck jobs and orphaned instances every few minutes, and repairs them; see {@link SweepOptions}. `false`: never. */
  sweep?: SweepOptions | false;
  /**
   * Whether the worker obeys orders to take no more jobs (`drainWorker`, the HTTP API). Anybody who may publish on
   * `jetfleet.drain` can give them. Each ends by itself, after an hour or the time that it names, at most 24 hours. Defaults to true.
   */
  remoteDrain?: boolean;
  /**
   * How many permits each key of the limits has that handlers take with `job.limit`, by name. What `queue.limits.set` has said comes first.
   * @example limits: { novita: { concurrency: 3, rate: { max: 100, perMs: 60_000 } } }
   */
  limits?: Readonly<Record<string, LimitSettings>>;
  /**
   * Of which jobs the steps of state machines are stored, to be read by `queue.steps` and replayed on the page of the job; and who sees
   * them as they happen. A function is the same as `{ observe }`. See {@link InspectOptions} for the defaults.
   */
  inspect?: InspectOptions | ((event: InspectionEvent) => void);
  /** @internal For tests that stop a worker between two steps. */
  onFailpoint?: OnFailpoint;
}

const WORKER_OPTIONS: OptionNames<Required<JobWorkerOptions>> = {
  concurrency: true,
  retry: true,
  priorities: true,
  name: true,
  logger: true,
  sweep: true,
  remoteDrain: true,
  limits: true,
  inspect: true,
  onFailpoint: true,
};
const SWEEP_OPTIONS: OptionNames<Required<SweepOptions>> = { intervalMs: true, jitter: true, graceMs: true };

const DEFAULT_SHUTDOWN_MS = 30_000;

/**
 * Runs jobs. It handles the types it has handlers for, each with its own slots, and leaves all others alone.
 *
 * `start` and `stop` may follow each other; after `shutdown` the worker is done. The queue stays open. The way of a job through
 * it stands in docs/architecture.md.
 */
export class JobWorkerService implements AsyncDisposable {
  readonly name: string;
  readonly #queue: JobQueueService;
  readonly #options: JobWorkerOptions;
  readonly #engine: WorkerEngine;

  /** @throws ValidationError `JETFLEET_OPTION_INVALID` */
  constructor(queue: JobQueueService, options: JobWorkerOptions = {}) {
    assertQueue(queue);
    assertOptions('options', options, WORKER_OPTIONS);
    if (options.sweep) assertOptions('sweep', options.sweep, SWEEP_OPTIONS);
    checkName('name', options.name);
    this.name = options.name ?? `${hostname()}-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
    this.#queue = queue;
    this.#options = { ...options };
    const { limits, inspect } = this.#options;
    const checked = { limits: namedLimits(limits), inspect: checkInspect(inspect) };
    this.#engine = new WorkerEngine(queue, this.name, { ...this.#options, ...checked });
    if (queue.tracing) this.use(queue.tracing.hooks as WorkerHooks);
  }

  /** Where the worker is in its life: `idle`, `running`, `paused`, `draining`, ... */
  get state(): WorkerLifecycleState {
    return this.#engine.state;
  }

  /** Ids of the jobs that run in this worker now. */
  get running(): string[] {
    return [...this.#engine.runs.keys()];
  }

  /**
   * Adds the job types of extensions, with what these need, before or after `start`. A second extension of one name takes the place of
   * the first, unless its types run already. Of two handlers for a type the one that came last wins. Also takes hooks, which are called
   * around every job that the worker claims from then on.
   *
   * @example worker.use(gpuInstances({ provider }), webhooks({ secret }))
   * @example worker.use({ around: (job, next) => tenants.run(job.payload.tenant, next) })
   * @throws ValidationError `JETFLEET_OPTION_INVALID`; JetfleetError `JETFLEET_CLOSED`. Then none of them was added
   */
  use(...extensions: (WorkerExtension | WorkerHooks)[]): this {
    this.#assertOpen();
    const handlers = this.#engine.extensions.add(extensions, this.#host, (each) => {
      const handler = definedHandler(each, this.#queue.known, this.#options);
      this.#engine.lanes.assertClosed(handler);
      return handler;
    });
    for (const handler of handlers) this.#engine.register(handler);
    return this;
  }

  /**
   * Says how to run a type by its name, before or after `start`; the last one for a type wins until it starts.
   * @throws ValidationError `JETFLEET_TYPE_INVALID`, `JETFLEET_OPTION_INVALID`
   */
  registerHandler<P>(type: string, options: HandlerOptions<P>): this {
    this.#engine.register(handlerOf(type, options, this.#queue.known, this.#options));
    return this;
  }

  /**
   * Says how to run the jobs of a definition: by a function, or by XState logic with a `RunInput` as input and a `JobOutcome`
   * as output. Options come before those of the definition.
   *
   * @example worker.handle(resize, async ({ payload }) => upload(await shrink(payload.url, payload.width)))
   * @throws ValidationError `JETFLEET_OPTION_INVALID`
   */
  handle<T extends JobTypes>(
    job: JobDefinition<T>,
    run: TypedHandler<T> | AnyActorLogic,
    options: RunDefaults = {},
  ): this {
    this.#engine.register(definedHandler(handled(job, run, options), this.#queue.known, this.#options));
    return this;
  }

  /**
   * Connects, makes sure of the streams and consumers, and begins to claim. Idempotent.
   * @throws BrokerError, JetfleetError `JETFLEET_STREAM_DRIFT`: see the queue
   * @throws ValidationError `JETFLEET_OPTION_INVALID` when `concurrency` or `retry` names a type without a handler
   */
  async start(): Promise<void> {
    this.#assertOpen();
    this.#engine.lanes.assertHandled(this.#options);
    await this.#engine.start();
  }

  #assertOpen(): void {
    if (this.#engine.isShutDown)
      throw new JetfleetError('JETFLEET_CLOSED', 'the worker is shut down; make a new one');
  }

  /** Claims nothing more. Jobs that run go on; `start` resumes. */
  async stop(): Promise<void> {
    await this.#engine.stop();
  }

  /**
   * Claims nothing more, waits for running jobs, and hands back those that still run after `timeoutMs`: they lose no
   * attempt, and another worker can take them at once. Takes at most a second longer than `timeoutMs`, also while the broker
   * is away; a handler that runs still is abandoned then.
   * @param timeoutMs defaults to 30,000, at most 24 days
   * @throws ValidationError `JETFLEET_OPTION_INVALID`
   */
  async shutdown(timeoutMs: number = DEFAULT_SHUTDOWN_MS): Promise<ShutdownResult> {
    checkNumber('timeoutMs', timeoutMs, 0, MAX_TIMER_MS);
    return await this.#engine.shutdown(timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  get #host(): WorkerHost {
    const queue = this.#queue;
    return {
      namespace: queue.namespace,
      logger: this.#engine.logger,
      userCode: queue.userCode,
      ...defined({ tracing: queue.tracing }),
      broker: () => queue.broker(),
      limiter: async () => queue.limiter(await queue.broker()),
      heldJob: (id) => heldJobOf(this.#engine.runs, id).context,
      reschedule: async (id, inMs) => rescheduleWaiting(await queue.broker(), id, inMs),
      queued: (type) => this.#engine.lanes.queued(type),
      checkWebhookUrl: (url, signal) => this.#engine.extensions.checkWebhookUrl(url, signal),
    };
  }
}
