import { hostname } from 'node:os';
import {
  type Actor,
  type AnyActorLogic,
  createActor,
  fromPromise,
  type InspectionEvent,
  waitFor,
} from 'xstate';
import { type WorkerLifecycleState, workerLifecycleMachine } from '../../machines/index.js';
import type { Broker } from '../broker/broker.js';
import type { ConnectionChange } from '../broker/connection/connection-watch.js';
import { assertAllowed, assertSafe } from '../broker/topology/report.js';
import { Inspector } from '../inspect/inspector.js';
import { atMost } from '../jobs/deadline.js';
import { assertDefinition, type JobDefinition, type JobTypes } from '../jobs/define-job.js';
import { defined } from '../jobs/defined.js';
import { JetfleetError, ValidationError } from '../jobs/errors.js';
import { excerptOf } from '../jobs/excerpt.js';
import { checkNumber, MAX_TIMER_MS } from '../jobs/numbers.js';
import { assertOptions, checkName, type OptionNames } from '../jobs/options.js';
import type { RetryPolicy } from '../jobs/retry-policy.js';
import type { RunDefaults } from '../jobs/run-defaults.js';
import { assertJobType } from '../jobs/validation.js';
import { assertQueue } from '../queue/assert-queue.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import type { Logger } from '../telemetry/logger.js';
import type { ResourceCheckOf } from '../upkeep/resource-check.js';
import { Sweeper, type SweepOptions } from '../upkeep/sweeper.js';
import { Trimmer } from '../upkeep/trimmer.js';
import type { AbandonedHandler } from '../wire/inspection.js';
import { FirstDeliveries } from './claim/first-deliveries.js';
import {
  assertExtension,
  assertInstalled,
  type Installed,
  type WorkerExtension,
  type WorkerHost,
} from './extension.js';
import {
  checkHandler,
  HANDLER_OPTIONS,
  type Handled,
  type HandlerOptions,
  handled,
  type RegisteredHandler,
  type TypedHandler,
} from './job-handler.js';
import { Lane } from './lane.js';
import { LeaseKeeper } from './lease/lease-keeper.js';
import { LingeringHandlers } from './lease/lingering-handlers.js';
import { Presence } from './presence.js';
import { CancellationCheck } from './run/cancellation-check.js';
import { type DrainStep, runSteps } from './run/drain-steps.js';
import type { OnFailpoint } from './run/failpoint.js';
import { JobRunner } from './run/job-runner.js';
import { type Observer, RunInspection } from './run/run-inspection.js';
import { type HeldJob, type RunServices, rescheduleWaiting } from './run/run-services.js';

export interface JobWorkerOptions {
  /** Jobs that run at once, by type; overrides what the handler says. */
  concurrency?: Readonly<Record<string, number>>;
  /** Delays between attempts, by type; overrides what the handler says. */
  retry?: Readonly<Record<string, RetryPolicy>>;
  /** Written on every record. Defaults to `<host>-<pid>-<random>`. */
  name?: string;
  /** Defaults to the queue's logger. */
  logger?: Logger;
  /** Looks for stuck jobs and orphaned instances now and then, and mends them; see {@link SweepOptions}. `false`: never. */
  sweep?: SweepOptions | false;
  /**
   * Whether the worker obeys orders to take no more jobs (`drainWorker`, the HTTP API). Anybody who may publish on
   * `jetfleet.drain` can give them, and each ends by itself: after an hour, or what it says, at most 24. Defaults to true.
   */
  remoteDrain?: boolean;
  /** Sees every step of every state machine (XState's inspection events). What it throws is logged. */
  inspect?: (event: InspectionEvent) => void;
  /**
   * For tests that stop a worker between two steps.
   * @internal
   */
  onFailpoint?: OnFailpoint;
}

const WORKER_OPTIONS: OptionNames<Required<JobWorkerOptions>> = {
  concurrency: true,
  retry: true,
  name: true,
  logger: true,
  sweep: true,
  remoteDrain: true,
  inspect: true,
  onFailpoint: true,
};
const SWEEP_OPTIONS: OptionNames<Required<SweepOptions>> = { intervalMs: true, jitter: true, graceMs: true };

/** What became of the running jobs in a shutdown. */
export interface ShutdownResult {
  /** Jobs that were still running when the time was up, and went back to the queue. */
  released: number;
  /** Handlers that run still, although their signals have fired; absent when there are none. */
  abandoned?: AbandonedHandler[];
  /** What steps of the shutdown threw; all others ran. Absent when there is nothing. */
  errors?: Error[];
}

const DEFAULT_SHUTDOWN_MS = 30_000;
/** How long handing back may take after the drain's own time, and then closing. */
const RELEASE_MS = 500;
const CLOSE_MS = 500;
/** How long a start that is under way may hold up a stop. */
const STOP_MS = 2_000;

/**
 * Runs jobs. It handles the types it has handlers for, each with its own slots, and leaves all others alone.
 *
 * `start` and `stop` may follow each other; after `shutdown` the worker is done. The queue stays open.
 */
export class JobWorkerService implements AsyncDisposable {
  readonly #queue: JobQueueService;
  readonly #options: JobWorkerOptions;
  readonly #handlers = new Map<string, RegisteredHandler>();
  readonly #lanes = new Map<string, Lane>();
  /** The start of each lane, from the moment on when its type is taken. */
  readonly #opening = new Map<string, Promise<void>>();
  #starting: Promise<void> = Promise.resolve();
  readonly #runs = new Map<string, HeldJob>();
  readonly #logger: Logger;
  readonly #lifecycle: Actor<ReturnType<JobWorkerService['lifecycleLogic']>>;
  /** By name. */
  readonly #extensions = new Map<string, Installed>();
  /** Of the extensions, for the sweeper. */
  readonly #resources: ResourceCheckOf[] = [];
  readonly #sweeper: Sweeper | undefined;
  readonly #inspect: Observer | undefined;
  #inspector: Inspector | undefined;
  #presence: Presence | undefined;
  #trimmer: Trimmer | undefined;
  #firstDeliveries: FirstDeliveries | undefined;
  #services: RunServices | undefined;
  readonly #lingering = new LingeringHandlers();
  #isReleasing = false;
  #released = 0;
  readonly #drainErrors: Error[] = [];
  readonly #detach: (() => void)[] = [];
  /** When a worker that was ordered to drain takes jobs again. */
  #drainEnd: NodeJS.Timeout | undefined;
  readonly name: string;

  /** @throws ValidationError `JETFLEET_OPTION_INVALID` */
  constructor(queue: JobQueueService, options: JobWorkerOptions = {}) {
    assertQueue(queue);
    assertOptions('options', options, WORKER_OPTIONS);
    if (options.sweep) assertOptions('sweep', options.sweep, SWEEP_OPTIONS);
    checkName('name', options.name);
    this.#queue = queue;
    this.#options = { ...options };
    this.name = options.name ?? `${hostname()}-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
    this.#logger = queue.userCode.guard(options.logger ?? queue.logger).child({ worker: this.name });
    const { sweep } = options;
    this.#sweeper =
      sweep === false
        ? undefined
        : new Sweeper({
            ...sweep,
            queue,
            resources: this.#resources,
            isActive: () => this.state === 'running',
            logger: this.#logger,
          });
    const { inspect } = options;
    this.#inspect = inspect && ((event) => queue.userCode.run('inspect', () => inspect(event)));
    this.#lifecycle = createActor(this.lifecycleLogic(), {
      inspect: (event) => {
        this.#inspect?.(event);
        this.#inspector?.observer()(event);
      },
    });
    this.#lifecycle.start();
  }

  /** Where the worker is in its life: `idle`, `running`, `paused`, `draining`, ... */
  get state(): WorkerLifecycleState {
    return this.#lifecycle.getSnapshot().value;
  }

  /** Ids of the jobs that run in this worker now. */
  get running(): string[] {
    return [...this.#runs.keys()];
  }

  /**
   * Adds the job types of extensions, with what these need, before or after `start`. A second extension of one name takes the place of
   * the first, unless its types run already. Of two handlers for a type the one that came last wins.
   *
   * @example worker.use(gpuInstances({ provider }), webhooks({ secret }))
   * @throws ValidationError `JETFLEET_OPTION_INVALID`; JetfleetError `JETFLEET_CLOSED`. Then none of them was added
   */
  use(...extensions: WorkerExtension[]): this {
    for (const extension of extensions) assertExtension(extension);
    if (this.state === 'draining' || this.state === 'stopped')
      throw new JetfleetError('JETFLEET_CLOSED', 'the worker is shut down; make a new one');
    const added: [name: string, installed: Installed][] = [];
    const handlers: [job: JobDefinition, handler: RegisteredHandler][] = [];
    try {
      for (const extension of extensions) {
        const installed = extension.install(this.#host);
        added.push([extension.name, installed]);
        assertInstalled(extension.name, installed);
        for (const each of installed.handlers) handlers.push([each.job, this.#checkHandled(each)]);
      }
    } catch (error) {
      for (const [name, installed] of added) this.#closeExtension(name, installed);
      throw error;
    }
    for (const [name, installed] of added) this.#takeExtension(name, installed);
    for (const [job, handler] of handlers) this.#takeHandled(job, handler);
    return this;
  }

  #takeExtension(name: string, installed: Installed): void {
    const before = this.#extensions.get(name);
    if (before) {
      if (before.resources) this.#resources.splice(this.#resources.indexOf(before.resources), 1);
      this.#closeExtension(name, before);
    }
    this.#extensions.set(name, installed);
    if (installed.resources) this.#resources.push(installed.resources);
  }

  #closeExtension(name: string, installed: Installed | undefined): void {
    this.#queue.userCode.run(`close of ${name}`, () => installed?.close?.(0));
  }

  /**
   * Says how to run a type by its name, before or after `start`; the last one for a type wins until it starts.
   * @throws ValidationError `JETFLEET_TYPE_INVALID`, `JETFLEET_OPTION_INVALID`
   */
  registerHandler<P>(type: string, options: HandlerOptions<P>): this {
    const handler = this.#checkHandler(type, options);
    this.#queue.known.addNamed(type);
    this.#takeHandler(handler);
    return this;
  }

  #checkHandled({ job, options }: Handled): RegisteredHandler {
    assertDefinition(job);
    return this.#checkHandler(job.type, options);
  }

  #takeHandled(job: JobDefinition, handler: RegisteredHandler): void {
    this.#queue.known.add(job);
    this.#takeHandler(handler);
  }

  #checkHandler<P>(type: string, options: HandlerOptions<P>): RegisteredHandler {
    assertJobType(type);
    assertOptions(`options of ${type}`, options as HandlerOptions, HANDLER_OPTIONS);
    if (this.#opening.has(type)) {
      throw new ValidationError(
        'JETFLEET_OPTION_INVALID',
        `a handler of ${type} runs already; register before start`,
      );
    }
    const concurrency = ownOf(this.#options.concurrency, type, options.concurrency);
    const retry = ownOf(this.#options.retry, type, options.retry);
    const { maxAttempts } = this.#queue.known.get(type) ?? {};
    const wanted = {
      ...(maxAttempts !== undefined && { maxAttempts }),
      ...defined(options),
      ...(concurrency !== undefined && { concurrency }),
      ...(retry !== undefined && { retry }),
    };
    return checkHandler(type, wanted);
  }

  #takeHandler(handler: RegisteredHandler): void {
    const { type } = handler;
    this.#handlers.set(type, handler);
    if (this.#services && ['running', 'disconnected', 'paused'].includes(this.state)) {
      this.#openLane(type, this.#ensure([type])).catch((err) =>
        this.#logger.error({ err, type }, 'cannot start the handler'),
      );
    }
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
    this.#takeHandled(job, this.#checkHandled(handled(job, run, options)));
    return this;
  }

  /**
   * Connects, makes sure of the streams and consumers, and begins to claim. Idempotent.
   * @throws BrokerError, JetfleetError `JETFLEET_STREAM_DRIFT`: see the queue
   * @throws ValidationError `JETFLEET_OPTION_INVALID` when `concurrency` or `retry` names a type without a handler
   */
  async start(): Promise<void> {
    if (this.state === 'stopped' || this.state === 'draining') {
      throw new JetfleetError('JETFLEET_CLOSED', 'the worker is shut down; make a new one');
    }
    this.#checkTypes();
    this.#lifecycle.send({ type: 'START' });
    for (const lane of this.#lanes.values()) lane.start();
    const reached = await waitFor(this.#lifecycle, (snapshot) => !snapshot.matches('starting'));
    if (reached.matches('failed')) throw this.#startError;
    if (reached.matches('idle') || reached.matches('draining') || reached.matches('stopped')) {
      throw new JetfleetError('JETFLEET_CLOSED', 'the worker was stopped while it started');
    }
  }

  /** What is said of a type that has no handler would be ignored. */
  #checkTypes(): void {
    for (const name of ['concurrency', 'retry'] as const) {
      const type = Object.keys(this.#options[name] ?? {}).find((each) => !this.#handlers.has(each));
      if (type === undefined) continue;
      throw new ValidationError(
        'JETFLEET_OPTION_INVALID',
        `${name} names ${excerptOf(type)}, which this worker does not handle; it handles ${[...this.#handlers.keys()].join(', ') || 'nothing'}`,
      );
    }
  }

  /** Claims nothing more. Jobs that run go on; `start` resumes. */
  async stop(): Promise<void> {
    if (this.state === 'stopped') return;
    this.#lifecycle.send({ type: 'STOP' });
    await atMost(STOP_MS, this.#opened());
    await this.#pauseLanes();
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
    // XState complains on the console of events to an actor that has ended.
    if (this.state !== 'stopped') this.#lifecycle.send({ type: 'SHUTDOWN', timeoutMs });
    await waitFor(this.#lifecycle, (snapshot) => snapshot.matches('stopped'));
    const { abandoned } = this.#lingering;
    return {
      released: this.#released,
      ...(abandoned.length > 0 && { abandoned }),
      ...(this.#drainErrors.length > 0 && { errors: this.#drainErrors }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  #startError: unknown;

  /** The lifecycle chart with this worker's work in it. */
  private lifecycleLogic() {
    return workerLifecycleMachine.provide({
      actors: {
        startUp: fromPromise(async () => {
          try {
            // A start that was stopped half way may still be under way.
            this.#starting = this.#starting.then(() => this.#startUp());
            await this.#starting;
          } catch (error) {
            this.#starting = Promise.resolve();
            this.#startError = error;
            throw error;
          }
        }),
        drain: fromPromise(({ input }: { input: { timeoutMs: number } }) => this.#drain(input.timeoutMs)),
      },
    });
  }

  get #host(): WorkerHost {
    const queue = this.#queue;
    return {
      namespace: queue.namespace,
      logger: this.#logger,
      userCode: queue.userCode,
      broker: () => queue.broker(),
      heldJob: (id) => {
        const held = this.#runs.get(id);
        if (!held) throw new JetfleetError('JETFLEET_LEASE_LOST', `job ${id} is not held any more`);
        return held.context;
      },
      reschedule: async (id, inMs) => rescheduleWaiting(await queue.broker(), id, inMs),
      checkWebhookUrl: async (url, signal) => {
        for (const installed of this.#extensions.values()) await installed.checkWebhookUrl?.(url, signal);
      },
    };
  }

  async #startUp(): Promise<void> {
    const broker = await this.#queue.broker();
    const types = [...this.#handlers.keys()];
    this.#firstDeliveries ??= new FirstDeliveries(broker, this.#logger);
    const firstDeliveries = this.#firstDeliveries;
    if (!this.#services) await firstDeliveries.begin();
    const refused = await this.#ensure(types);
    const { ackWaitMs, eventsMaxAgeMs } = await broker.topology.effective();
    this.#assertNotShutDown();
    const { onFailpoint } = this.#options;
    const inspector = this.#makeKnown(broker);
    this.#services ??= {
      broker,
      firstDeliveries,
      worker: this.name,
      leases: new LeaseKeeper(ackWaitMs),
      lingering: this.#lingering,
      runs: this.#runs,
      isReleasing: () => this.#isReleasing,
      eventsMaxAgeMs,
      logger: this.#logger,
      userCode: this.#queue.userCode,
      inspection: new RunInspection(inspector, this.#inspect),
      ...(onFailpoint && { onFailpoint }),
    };
    const ensured = Promise.resolve();
    // A type that was registered in the meantime is opened too.
    const ready = (type: string) => (types.includes(type) ? ensured : this.#ensure([type]));
    const opened = [...this.#handlers.keys()].filter((type) => !refused.includes(type));
    await Promise.all(opened.map((type) => this.#openLane(type, ready(type))));
    this.#assertNotShutDown();
    if (this.#detach.length === 0) {
      const cancellations = new CancellationCheck({ broker, runs: this.#runs, logger: this.#logger });
      this.#detach.push(
        broker.onConnection((change) => this.#onConnection(change)),
        broker.notices.onCancelled((id) => cancellations.heard(id)),
      );
    }
    await this.#sweeper?.start();
    this.#trimmer ??= new Trimmer({
      broker,
      sources: () => [...this.#lanes.values()].flatMap((lane) => lane.trimSources),
      logger: this.#logger,
    });
    this.#trimmer.start();
    this.#logger.info({ types: opened, ackWaitMs }, 'worker started');
  }

  /** A shutdown may not have waited for this start. */
  #assertNotShutDown(): void {
    if (this.state === 'draining' || this.state === 'stopped')
      throw new JetfleetError('JETFLEET_CLOSED', 'the worker was shut down while it started');
  }

  /** From here on the worker shows up where its fleet is looked at. */
  #makeKnown(broker: Broker): Inspector {
    this.#inspector ??= new Inspector(broker, this.name, (jobId) => this.#onWatched(jobId));
    this.#presence ??= new Presence({
      broker,
      worker: this.name,
      state: () => this.state,
      lanes: () => [...this.#lanes.values()].map(({ load }) => load),
      runs: this.#runs,
      lingering: this.#lingering,
      logics: () =>
        [...this.#handlers.values()].map(({ run }) => (run.kind === 'chart' ? run.logic : undefined)),
      onDrain:
        this.#options.remoteDrain === false ? undefined : (drain, forMs) => this.#onDrain(drain, forMs),
    });
    this.#inspector.open();
    this.#presence.open();
    return this.#inspector;
  }

  #onWatched(jobId: string | undefined): void {
    if (jobId !== undefined) {
      this.#runs.get(jobId)?.watched();
      return;
    }
    this.#inspector?.showStanding(this.#lifecycle);
    for (const run of this.#runs.values()) run.watched();
  }

  #onDrain(drain: boolean, forMs: number): void {
    clearTimeout(this.#drainEnd);
    const failed = (err: unknown) => this.#logger.error({ err }, 'cannot obey the order to drain');
    if (drain) {
      this.#logger.warn({ forMs }, 'ordered to take no more jobs');
      this.#drainEnd = setTimeout(() => this.#onDrain(false, 0), forMs).unref();
      this.stop().catch(failed);
    } else if (this.state === 'paused') {
      this.#logger.info('takes jobs again');
      this.start().catch(failed);
    }
  }

  /**
   * Makes sure of the streams, and of the consumers of the types.
   * @returns the types that cannot start
   * @throws BrokerError `JETFLEET_CONSUMER_LIMIT` when none can
   */
  async #ensure(types: string[]): Promise<string[]> {
    const { topology } = await this.#queue.broker();
    const report = await topology.ensure(types);
    assertSafe(report, this.#logger);
    if (report.created.some((target) => target.startsWith('consumer')))
      await this.#firstDeliveries?.consumersMade(types);
    const { refusedTypes } = report;
    try {
      assertAllowed(report);
    } catch (err) {
      if (refusedTypes.length === types.length) throw err;
      this.#logger.error({ err, types: refusedTypes }, 'some types cannot start');
    }
    await this.#tellSettings(types.filter((type) => !refusedTypes.includes(type)));
    return refusedTypes;
  }

  /** So that jobs are shown as they will run. */
  async #tellSettings(types: readonly string[]): Promise<void> {
    const settings = [...this.#handlers]
      .filter(([type]) => types.includes(type))
      .map(([type, { maxAttempts }]) => {
        const hasAfter = this.#queue.known.get(type)?.after !== undefined;
        return [type, { maxAttempts, hasAfter }] as const;
      });
    const { handlers } = await this.#queue.broker();
    await handlers
      .tell(new Map(settings))
      .catch((err) => this.#logger.warn({ err, types }, 'cannot tell how often jobs are attempted'));
  }

  /** Begins to claim once the type's consumers are `ready`. A type is opened once, however often it is asked for. */
  #openLane(type: string, ready: Promise<unknown>): Promise<void> {
    const opening = this.#opening.get(type) ?? ready.then(() => this.#makeLane(type));
    this.#opening.set(type, opening);
    // What failed may be tried again by the next start.
    opening.catch(() => this.#opening.delete(type));
    return opening.then(() => {
      if (['starting', 'running', 'disconnected'].includes(this.state)) this.#lanes.get(type)?.start();
    });
  }

  #makeLane(type: string): void {
    const services = this.#services as RunServices;
    const handler = this.#handlers.get(type) as RegisteredHandler;
    const runner = new JobRunner(services, handler);
    const lane = new Lane({
      broker: services.broker,
      type,
      concurrency: handler.concurrency,
      onDelivery: (delivery, progress) => runner.process(delivery, progress),
      onRewound: () => void services.firstDeliveries.renew(),
      logger: this.#logger,
    });
    this.#lanes.set(type, lane);
  }

  /** Resolves when no lane is being opened any more. */
  async #opened(): Promise<void> {
    await this.#starting.catch(() => {});
    await Promise.allSettled(this.#opening.values());
  }

  #onConnection(change: ConnectionChange): void {
    this.#lifecycle.send({ type: change === 'lost' ? 'BROKER_LOST' : 'BROKER_BACK' });
    if (change === 'lost') {
      this.#firstDeliveries?.distrust();
      return;
    }
    // The server has forgotten what waited there and what it handed out last, and leases may have run out.
    void this.#firstDeliveries?.renew();
    for (const lane of this.#lanes.values()) lane.reset();
    this.#services?.leases.verifyAll();
  }

  async #drain(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    const end = deadline + RELEASE_MS + CLOSE_MS;
    const phases: [steps: DrainStep[], deadline: number][] = [
      [[{ name: 'wait for running jobs', run: () => this.#pauseAndIdle(), mayBeLate: true }], deadline],
      [[{ name: 'hand jobs back', run: () => this.#release() }], deadline + RELEASE_MS],
      [this.#closingSteps(end), end],
    ];
    for (const [steps, until] of phases)
      this.#drainErrors.push(...(await runSteps(steps, until, this.#logger)));
    const { abandoned } = this.#lingering;
    this.#logger.info({ released: this.#released, abandoned }, 'worker stopped');
  }

  #closingSteps(end: number): DrainStep[] {
    const lanes = () => [...this.#lanes.values()];
    return [
      { name: 'abandon handlers', run: () => this.#lingering.abandonAll() },
      ...[...this.#extensions].map(([name, installed]) => ({
        name: `close ${name}`,
        run: () => installed.close?.(Math.max(0, end - performance.now())),
      })),
      { name: 'stop the sweeper', run: () => this.#sweeper?.stop() },
      // What ended last is acknowledged before the trimmer sees how far the server is.
      { name: 'send acknowledgements', run: () => this.#services?.broker.sendAnswers() },
      { name: 'remove messages', run: () => this.#trimmer?.stop() },
      ...this.#detach.map((run) => ({ name: 'stop listening', run })),
      { name: 'stop listening', run: () => this.#firstDeliveries?.close() },
      { name: 'close lanes', run: () => Promise.all(lanes().map((lane) => lane.close())) },
      { name: 'forget the drain order', run: () => clearTimeout(this.#drainEnd) },
      { name: 'withdraw the presence', run: () => this.#presence?.close() },
      { name: 'close the inspector', run: () => this.#inspector?.close() },
      // What was written last must have left before the connection may close.
      { name: 'send what is buffered', run: () => this.#services?.broker.flush() },
    ];
  }

  async #pauseAndIdle(): Promise<void> {
    await this.#opened();
    await this.#pauseLanes();
    await this.#idle();
  }

  async #release(): Promise<void> {
    this.#isReleasing = true;
    const left = [...this.#runs.values()];
    this.#released = left.length;
    if (left.length > 0)
      this.#logger.warn({ jobs: this.running }, 'time is up; handing running jobs back to the queue');
    for (const run of left) run.release();
    // A broker that is slow to store the records may outlast the shutdown. The jobs go back after their records.
    this.#queue.closeAfter(Promise.all([...this.#lanes.values()].map((lane) => lane.settled())));
    await this.#idle();
  }

  async #pauseLanes(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.pause()));
  }

  /** Resolves when no delivery is under way, and no handler has a slot. */
  async #idle(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.idle()));
  }
}

/** A name such as `constructor` is a legal type, and no setting. */
function ownOf<T>(
  settings: Readonly<Record<string, T>> = {},
  type: string,
  otherwise: T | undefined,
): T | undefined {
  return Object.hasOwn(settings, type) ? settings[type] : otherwise;
}
