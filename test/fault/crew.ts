import { EventEmitter, once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Arena } from './arena.js';
import { isOther } from './language-scenario.js';
import type { LimitedStep, LimitSet } from './limit-invariants.js';
import type { ArmedFailpoint, ToWorker, WorkerConfig } from './protocol.js';
import type { WorkerPool, WorkerProcess } from './worker-pool.js';

const RESPAWN_MS = 100;
/** So that a worker looks at the instances of its monitors, of which a run has a few, between their own polls. */
const SELDOM = 2;

type Behaviour = Pick<
  WorkerConfig,
  | 'stopsAtFailpoints'
  | 'sabotage'
  | 'ackWaitMs'
  | 'providerTimeoutMs'
  | 'pollIntervalMs'
  | 'taskSlots'
  | 'limitedTo'
  | 'keeps'
  | 'lent'
  | 'throwsInCallbacks'
> & {
  /** Whether every second seat has a worker in another language. */
  languages?: true;
};

/** When a worker took jobs, ms since the epoch. */
export interface Service {
  fromMs: number;
  /** When it was told to end, or ended. Absent while it takes jobs. */
  untilMs?: number;
}

interface Seat {
  worker?: WorkerProcess;
  /** How many sat here. */
  generation: number;
  frozen: boolean;
  /** Whether its process takes jobs. */
  ready: boolean;
  /** Failpoints that the present process has not passed yet: its successor takes them over. */
  armed: ArmedFailpoint[];
}

/** The workers of one run. Each seat has a process at all times: one that dies is replaced, as by a supervisor. */
export class Crew implements AsyncDisposable {
  readonly #arena: Arena;
  readonly pool: WorkerPool;
  readonly #secret: string;
  readonly #behaviour: Behaviour;
  readonly #clockOffsetsMs: readonly number[];
  readonly #seats: Seat[];
  readonly #events = new EventEmitter();
  #over = false;
  /** Longest that a worker got no turn, faults included. */
  stalledMs = 0;
  /** Jobs whose handlers were stopped as those of cancelled ones. */
  readonly stopped = new Set<string>();
  /** What handlers of limited jobs have told. */
  readonly limitedSteps: LimitedStep[] = [];
  readonly limitsSet: LimitSet[] = [];
  /** Jobs of unique keys that were added. */
  readonly added = new Set<string>();
  /** When each worker took jobs, by its name. */
  readonly service = new Map<string, Service>();
  /** What ended a process, or would have: exceptions and rejections that nobody caught. */
  readonly crashes: string[] = [];
  /** Called for each failpoint at which a worker dies or freezes with a job; `thaw` lets a frozen one go on. */
  onHit: (hit: ArmedFailpoint, jobId: string, thaw: () => void) => void = () => {};

  constructor(
    arena: Arena,
    pool: WorkerPool,
    seats: number,
    secret: string,
    behaviour: Behaviour,
    clockOffsetsMs: readonly number[] = [],
  ) {
    this.#arena = arena;
    this.pool = pool;
    this.#secret = secret;
    this.#behaviour = behaviour;
    this.#clockOffsetsMs = clockOffsetsMs;
    this.#seats = Array.from({ length: seats }, () => ({
      generation: 0,
      frozen: false,
      ready: false,
      armed: [],
    }));
  }

  async start(): Promise<void> {
    await Promise.all(this.#seats.map((_, index) => this.#fill(index)));
  }

  /** Whether a worker is still on its way to its first job. */
  get isStarting(): boolean {
    return this.#seats.some(({ ready }) => !ready);
  }

  /** Resolves when every seat has a worker that takes jobs, or a worker has crashed. */
  async ready(): Promise<void> {
    while (this.isStarting && this.crashes.length === 0) await once(this.#events, 'news');
  }

  /** Whoever sits there first stops at the failpoint: it is told so before it starts. */
  arm(index: number, armed: ArmedFailpoint): void {
    this.#seat(index).armed.push(armed);
  }

  /** @returns whether there was somebody to hit */
  kill(index: number): boolean {
    return this.#signal(index, 'SIGKILL');
  }

  terminate(index: number): boolean {
    return this.#signal(index, 'SIGTERM');
  }

  freeze(index: number): boolean {
    const seat = this.#seat(index);
    seat.frozen = this.#signal(index, 'SIGSTOP');
    return seat.frozen;
  }

  thaw(index: number): void {
    const seat = this.#seat(index);
    seat.frozen = false;
    seat.worker?.signal('SIGCONT');
  }

  block(index: number, forMs: number): boolean {
    const { worker } = this.#seat(index);
    worker?.send({ type: 'block', forMs });
    return worker !== undefined && !worker.ended;
  }

  drainConnection(index: number): boolean {
    const { worker } = this.#seat(index);
    worker?.send({ type: 'drain-connection' });
    return worker !== undefined && !worker.ended;
  }

  /**
   * A process of its own that cleans up again and again is killed once it has done so for a while.
   * @returns whether it was killed in the middle of it
   */
  killCleaner(forMs: number): Promise<boolean> {
    return this.#killBeside(
      'cleaner',
      (config) => ({ type: 'clean', config }),
      () => pause(forMs),
    );
  }

  /**
   * A process of its own that adds jobs of unique keys is killed once it has done so for a while, or frozen for as long before.
   * @returns whether it was killed in the middle of it
   */
  killAdder(forMs: number, keys: number, isFrozen: boolean): Promise<boolean> {
    return this.#killBeside(
      'adder',
      (config) => ({ type: 'add', config, keys }),
      async (adder) => {
        await pause(forMs);
        if (!isFrozen) return;
        adder.signal('SIGSTOP');
        await pause(forMs);
        adder.signal('SIGCONT');
        await pause(forMs);
      },
    );
  }

  /** Has a process beside the workers begin, and kills it after `meanwhile`. @returns whether it lived until then */
  async #killBeside(
    name: string,
    order: (config: WorkerConfig) => ToWorker,
    meanwhile: (process: WorkerProcess) => Promise<unknown>,
  ): Promise<boolean> {
    const process = await this.pool.take();
    await this.begun(process, order(this.configOf(name)));
    await meanwhile(process);
    const isAlive = !process.ended;
    await process.kill();
    return isAlive;
  }

  /** What a process beside the workers is told of the run. */
  configOf(name: string): WorkerConfig {
    return { ...this.#config(0, this.#seat(0)), name, clockOffsetMs: 0 };
  }

  /** Resolves when a process has begun with what it was told, or has ended. */
  async begun(worker: WorkerProcess, order: ToWorker): Promise<void> {
    let onBegun = () => {};
    const begun = new Promise<void>((resolve) => {
      onBegun = resolve;
    });
    worker.onMessage((message) => {
      if (message.type === 'started') onBegun();
      if (message.type === 'added') this.added.add(message.jobId);
      if (message.type === 'crashed') this.crashes.push(`${order.type}: ${message.error}`);
    });
    worker.send(order);
    await Promise.race([begun, worker.exited]);
  }

  /** Ends every fault at the workers. What freezes at a failpoint goes on in its own time. */
  heal(): void {
    for (const [index, seat] of this.#seats.entries()) {
      seat.armed = [];
      if (seat.frozen) this.thaw(index);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true;
    const workers = this.#seats.flatMap(({ worker }) => worker ?? []);
    // A sabotage stays in its process.
    const isReusable = this.#behaviour.sabotage === undefined && !this.#behaviour.languages;
    await Promise.all(workers.map((worker) => (isReusable ? this.pool.giveBack(worker) : worker.kill())));
  }

  #seat(index: number): Seat {
    return this.#seats[index] as Seat;
  }

  #signal(index: number, signal: NodeJS.Signals): boolean {
    const { worker } = this.#seat(index);
    if (!worker || worker.ended) return false;
    worker.signal(signal);
    if (signal !== 'SIGSTOP') this.#endService(index);
    // One that is frozen takes no other signal before it goes on.
    if (signal === 'SIGTERM') worker.signal('SIGCONT');
    return true;
  }

  #endService(index: number): void {
    const worker = nameOf(index, this.#seat(index));
    const service = this.service.get(worker);
    if (service) service.untilMs ??= Date.now();
    this.limitedSteps.push({ kind: 'gone', worker, atMs: Date.now() });
  }

  async #fill(index: number): Promise<void> {
    const seat = this.#seat(index);
    const { languages } = this.#behaviour;
    const worker = await (languages && isOther(index) ? this.pool.takeOther() : this.pool.take());
    if (this.#over) return worker.kill();
    seat.worker = worker;
    seat.generation += 1;
    const config = this.#config(index, seat);
    worker.onMessage((message) => {
      if (message.type === 'started') {
        seat.ready = seat.worker === worker;
        this.service.set(config.name, { fromMs: Date.now() });
        this.#events.emit('news');
      }
      if (message.type === 'crashed') {
        this.crashes.push(`${config.name}: ${message.error}`);
        this.#events.emit('news');
      }
      if (message.type === 'cancelled') this.stopped.add(message.jobId);
      if (message.type === 'limited') this.limitedSteps.push({ ...message, worker: config.name });
      if (message.type === 'stalled') this.stalledMs = Math.max(this.stalledMs, message.ms);
      if (message.type !== 'hit') return;
      seat.armed = seat.armed.filter(({ failpoint }) => failpoint !== message.armed.failpoint);
      this.onHit(message.armed, message.jobId, () => worker.signal('SIGCONT'));
    });
    void worker.exited.then(() => {
      if (seat.worker === worker) void this.#replace(index);
    });
    for (const armed of seat.armed) worker.send({ type: 'arm', armed });
    worker.send({ type: 'start', config });
  }

  async #replace(index: number): Promise<void> {
    if (this.#over) return;
    this.#endService(index);
    const seat = this.#seat(index);
    delete seat.worker;
    seat.ready = false;
    await pause(RESPAWN_MS);
    if (!this.#over) await this.#fill(index);
  }

  #config(index: number, seat: Seat): WorkerConfig {
    const { namespace, replicas, providers, credsFile } = this.#arena;
    return {
      name: nameOf(index, seat),
      ownPollsPerSecond: index % 2 === 0 ? SELDOM : Number.MAX_VALUE,
      servers: this.#arena.serversFor(index),
      namespace,
      replicas,
      providers: { urls: providers.urls, apiKey: providers.apiKey },
      secret: this.#secret,
      ...(credsFile && { credsFile }),
      clockOffsetMs: this.#clockOffsetsMs[index] ?? 0,
      ...this.#behaviour,
    };
  }
}

function nameOf(index: number, { generation }: Seat): string {
  return `worker-${index}-${generation}`;
}
