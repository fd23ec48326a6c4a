import { type Actor, createActor, fromPromise, waitFor } from 'xstate';
import { type WorkerLifecycleState, workerLifecycleMachine } from '../../machines/index.js';
import type { Broker } from '../broker/broker.js';
import type { ConnectionChange } from '../broker/connection/connection-watch.js';
import type { EffectiveTimes } from '../broker/topology/topology.js';
import { atMost } from '../jobs/deadline.js';
import { defined } from '../jobs/defined.js';
import { JetfleetError } from '../jobs/errors.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import type { Logger } from '../telemetry/logger.js';
import { Sweeper } from '../upkeep/sweeper.js';
import { Trimmer } from '../upkeep/trimmer.js';
import { FirstDeliveries } from './claim/first-deliveries.js';
import { laneOf } from './claim/job-intake.js';
import { type DrainStep, runSteps } from './drain-steps.js';
import type { ShutdownResult, WorkerEngineOptions } from './engine-options.js';
import { Extensions } from './extension.js';
import type { RegisteredHandler } from './job-handler.js';
import { FirstJobs } from './lane/first-jobs.js';
import { Lanes } from './lane/lanes.js';
import { LeaseKeeper } from './lease/lease-keeper.js';
import { LingeringHandlers } from './lease/lingering-handlers.js';
import { watchMissedTicks } from './missed-ticks-watch.js';
import { Presence } from './presence.js';
import { CancellationCheck } from './run/cancellation-check.js';
import { JobWatchers, type Observer } from './steps/run-steps.js';
import { SignalFeed } from './waiting/signal-feed.js';
import type { HeldJob, WorkerServices } from './worker-services.js';

/** How long handing back may take after the drain's own time, and then closing. */
const RELEASE_MS = 500;
const CLOSE_MS = 500;
const FLUSH_MS = 100;
/** How long a start that is under way may hold up a stop. */
const STOP_MS = 2_000;

/** The life of a worker: starts what takes jobs, pauses it, and drains it. */
export class WorkerEngine {
  readonly logger: Logger;
  readonly extensions: Extensions;
  readonly lanes: Lanes;
  readonly runs = new Map<string, HeldJob>();
  readonly #queue: JobQueueService;
  readonly #name: string;
  readonly #options: WorkerEngineOptions;
  readonly #observe: Observer | undefined;
  readonly #sweeper: Sweeper | undefined;
  readonly #lifecycle: Actor<typeof workerLifecycleMachine>;
  readonly #lingering = new LingeringHandlers();
  #starting: Promise<void> = Promise.resolve();
  #presence: Presence | undefined;
  #trimmer: Trimmer | undefined;
  #firstDeliveries: FirstDeliveries | undefined;
  #signals: SignalFeed | undefined;
  #firstJobs: FirstJobs | undefined;
  #services: WorkerServices | undefined;
  /** Its owner has stopped it, and nobody else starts it again. */
  #isHeld = false;
  #isReleasing = false;
  #isClosed = false;
  #released = 0;
  readonly #drainErrors: Error[] = [];
  readonly #detach: (() => void)[] = [];

  constructor(queue: JobQueueService, name: string, options: WorkerEngineOptions) {
    const { userCode } = queue;
    const { observe } = options.inspect;
    this.#queue = queue;
    this.#name = name;
    this.#options = options;
    this.#observe = observe && ((event) => userCode.run('inspect', () => observe(event)));
    this.logger = userCode.guard(options.logger ?? queue.logger).child({ worker: name });
    this.extensions = new Extensions(userCode);
    const isActive = () => this.state === 'running';
    const { resources } = this.extensions;
    if (options.sweep !== false)
      this.#sweeper = new Sweeper({ ...options.sweep, queue, resources, isActive, logger: this.logger });
    this.lanes = new Lanes({
      broker: () => queue.broker(),
      make: (handler) => laneOf(this.#services as WorkerServices, handler),
      mayStart: () => ['starting', 'running', 'disconnected'].includes(this.state),
      onConsumersMade: async (types) => this.#firstDeliveries?.consumersMade(types),
      ...defined({ retention: queue.retention }),
      logger: this.logger,
    });
    const actors = {
      startUp: fromPromise<void, void>(() => {
        // A start that was stopped half way may still be under way.
        this.#starting = this.#opened().then(() => this.#startUp());
        return this.#starting;
      }),
      drain: fromPromise(({ input }: { input: { timeoutMs: number } }) => this.#drain(input.timeoutMs)),
    };
    this.#lifecycle = createActor(workerLifecycleMachine.provide({ actors }), {
      inspect: (event) => {
        this.#observe?.(event);
        this.#presence?.inspector.show(event);
      },
    });
    this.#lifecycle.start();
  }

  get state(): WorkerLifecycleState {
    return this.#lifecycle.getSnapshot().value;
  }

  get isShutDown(): boolean {
    return this.state === 'draining' || this.state === 'stopped';
  }

  /** Takes the jobs of a handler, from the next start on where the worker has not started. */
  register(handler: RegisteredHandler): void {
    const { type } = handler;
    this.lanes.assertClosed(handler);
    if (handler.job) this.#queue.known.add(handler.job);
    else this.#queue.known.addNamed(type);
    this.lanes.handlers.set(type, handler);
    // A start that has made its services may have its list of types already.
    if (this.#services && ['starting', 'running', 'disconnected', 'paused'].includes(this.state)) {
      if (handler.isSeldom) void this.#firstJobs?.listen();
      else
        this.#openLater(handler).catch((err) => this.logger.error({ err, type }, 'cannot start the handler'));
    }
  }

  async start(): Promise<void> {
    this.#isHeld = false;
    this.#lifecycle.send({ type: 'START' });
    this.lanes.start();
    const reached = await waitFor(this.#lifecycle, (snapshot) => !snapshot.matches('starting'));
    if (reached.matches('failed')) await this.#starting;
    if (reached.matches('idle') || reached.matches('draining') || reached.matches('stopped')) {
      throw new JetfleetError('JETFLEET_CLOSED', 'the worker was stopped while it started');
    }
  }

  async stop(): Promise<void> {
    this.#isHeld = true;
    await this.#pause();
  }

  /** Takes no more jobs, or takes them again, as somebody else than its owner has ordered. */
  async #obey(drain: boolean): Promise<void> {
    if (drain) await this.#pause();
    else if (!this.#isHeld) await this.start();
  }

  async #pause(): Promise<void> {
    if (this.state === 'stopped') return;
    this.#lifecycle.send({ type: 'STOP' });
    await atMost(STOP_MS, this.#opened());
    await this.lanes.pause();
  }

  async shutdown(timeoutMs: number): Promise<ShutdownResult> {
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

  async #startUp(): Promise<void> {
    try {
      await this.#open();
    } catch (error) {
      // What was opened before it failed takes no jobs, and does not outlive the worker.
      await this.lanes.opened();
      await this.lanes.pause();
      if (this.#isClosed) await this.#close();
      throw error;
    }
  }

  async #open(): Promise<void> {
    const broker = await this.#queue.broker();
    const types = this.lanes.wanted.map(({ type }) => type);
    this.#firstDeliveries ??= new FirstDeliveries(broker, this.logger);
    // First of all, so that a connection which is lost meanwhile is noticed.
    if (this.#detach.length === 0) {
      const cancellations = new CancellationCheck({ broker, runs: this.runs, logger: this.logger });
      this.#detach.push(
        broker.onConnection((change) => this.#onConnection(change)),
        broker.notices.onCancelled((id) => cancellations.heard(id)),
        watchMissedTicks(broker, this.logger),
      );
    }
    if (!this.#services) await this.#firstDeliveries.begin();
    const refused = await this.lanes.ensure(types);
    const times = await broker.topology.effective();
    this.#assertNotShutDown();
    this.#services ??= this.#makeServices(broker, this.#firstDeliveries, times);
    // A type that was registered in the meantime is opened too.
    const ready = async (type: string) => types.includes(type) || this.lanes.ensure([type]);
    const opened = this.lanes.wanted.filter(({ type }) => !refused.includes(type));
    await Promise.all(opened.map((handler) => this.lanes.open(handler, () => ready(handler.type))));
    this.#signals ??= new SignalFeed(broker, this.logger, this.#options.onFailpoint);
    await this.#signals.start();
    this.#firstJobs ??= new FirstJobs({
      broker,
      lanes: this.lanes,
      known: this.#queue.known,
      open: (handler) => this.#openLater(handler),
      logger: this.logger,
    });
    await this.#firstJobs.listen();
    await this.extensions.start();
    await this.#sweeper?.start();
    this.#assertNotShutDown();
    this.#trimmer ??= new Trimmer({ broker, sources: () => this.lanes.trimSources, logger: this.logger });
    this.#trimmer.start();
    const handled = [...this.lanes.handlers.keys()].filter((type) => !refused.includes(type));
    this.logger.info({ types: handled, ackWaitMs: times.ackWaitMs }, 'worker started');
  }

  /** A shutdown may not have waited for this start. */
  #assertNotShutDown(): void {
    if (this.isShutDown)
      throw new JetfleetError('JETFLEET_CLOSED', 'the worker was shut down while it started');
  }

  #makeServices(broker: Broker, firstDeliveries: FirstDeliveries, times: EffectiveTimes): WorkerServices {
    const { onFailpoint, inspect } = this.#options;
    // From here on the worker shows up where its fleet is watched.
    this.#presence = new Presence({
      broker,
      worker: this.#name,
      lifecycle: this.#lifecycle,
      lanes: this.lanes,
      runs: this.runs,
      lingering: this.#lingering,
      ...(this.#options.remoteDrain !== false && { obey: (drain: boolean) => this.#obey(drain) }),
      logger: this.logger,
    });
    return {
      broker,
      firstDeliveries,
      worker: this.#name,
      leases: new LeaseKeeper(times.ackWaitMs, () => broker.flush()),
      lingering: this.#lingering,
      runs: this.runs,
      isReleasing: () => this.#isReleasing,
      eventsMaxAgeMs: times.eventsMaxAgeMs,
      limiter: () => this.#queue.limiter(broker),
      liveLimits: () => this.#queue.liveLimits(broker),
      limits: this.#options.limits ?? new Map(),
      logger: this.logger,
      userCode: this.#queue.userCode,
      hooks: this.extensions.hooks,
      watchers: new JobWatchers({
        broker,
        worker: this.#name,
        inspector: this.#presence.inspector,
        own: this.#observe,
        keep: inspect.keep,
        logger: this.logger,
      }),
      ...(onFailpoint && { onFailpoint }),
    };
  }

  /** Takes the jobs of a handler while the worker runs. */
  async #openLater(handler: RegisteredHandler): Promise<void> {
    await this.lanes.open(handler, () => this.lanes.ensure([handler.type]));
    if (this.#isClosed) await this.lanes.close();
  }

  /** Resolves when no lane is being opened any more. Whoever has started the worker hears why that failed. */
  async #opened(): Promise<void> {
    await this.#starting.catch(() => {});
    await this.lanes.opened();
  }

  #onConnection(change: ConnectionChange): void {
    this.#lifecycle.send({ type: change === 'lost' ? 'BROKER_LOST' : 'BROKER_BACK' });
    if (change === 'lost') {
      this.#firstDeliveries?.distrust();
      return;
    }
    // The server has forgotten what waited there and what it handed out last, and leases may have run out.
    void this.#firstDeliveries?.renew();
    this.lanes.reset();
    void this.#signals?.reset();
    void this.#firstJobs?.listen();
    this.#services?.leases.verifyAll();
  }

  async #drain(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    const end = deadline + RELEASE_MS + CLOSE_MS;
    const phases: [steps: DrainStep[], deadline: number][] = [
      [[{ name: 'wait for running jobs', run: () => this.#pauseAndIdle(), mayBeLate: true }], deadline],
      [[{ name: 'hand jobs back', run: () => this.#release() }], deadline + RELEASE_MS],
      [this.#closingSteps(end - FLUSH_MS), end - FLUSH_MS],
      // What was written last must have left before the connection may close.
      [[{ name: 'send what is buffered', run: () => this.#services?.broker.flush() }], end],
    ];
    for (const [steps, until] of phases)
      this.#drainErrors.push(...(await runSteps(steps, until, this.logger)));
    const { abandoned } = this.#lingering;
    this.logger.info({ released: this.#released, abandoned }, 'worker stopped');
  }

  async #pauseAndIdle(): Promise<void> {
    await this.#opened();
    await this.lanes.pause();
    await this.lanes.idle();
  }

  async #release(): Promise<void> {
    this.#isReleasing = true;
    const left = [...this.runs];
    this.#released = left.length;
    const jobs = left.map(([id]) => id);
    if (jobs.length > 0) this.logger.warn({ jobs }, 'time is up; handing running jobs back to the queue');
    for (const [, run] of left) run.release();
    // A broker that is slow to store the records may outlast the shutdown. The jobs go back after their records.
    this.#queue.closeAfter(this.lanes.answered());
    await this.lanes.idle();
  }

  #closingSteps(end: number): DrainStep[] {
    return [
      { name: 'abandon handlers', run: () => this.#lingering.abandonAll() },
      ...this.extensions.closing(end),
      { name: 'stop the sweeper', run: () => this.#sweeper?.stop() },
      { name: 'store steps', run: () => this.#services?.watchers.stored() },
      { name: 'take no more signals', run: () => this.#signals?.stop() },
      // What ended last is acknowledged before the trimmer sees how far the server is.
      { name: 'send acknowledgements', run: () => this.#services?.broker.sendAnswers() },
      { name: 'remove messages', run: () => this.#trimmer?.stop() },
      { name: 'stop listening', run: () => this.#close() },
    ];
  }

  /** Closes what a start has opened, also one that outlives the shutdown. */
  async #close(): Promise<void> {
    this.#isClosed = true;
    for (const detach of this.#detach.splice(0)) detach();
    this.#firstDeliveries?.close();
    this.#presence?.close();
    await Promise.all([this.#firstJobs?.stop(), this.lanes.close()]);
  }
}
