import { atMost } from '../broker/bounded.js';
import type { Broker } from '../broker/broker.js';
import type { GpuProvider } from '../gpu/provider.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import { type Logger, silentLogger } from '../telemetry/logger.js';
import { checkInstances, DEFAULT_INSTANCE_GRACE_MS } from './check-instances.js';
import { DEFAULT_JOB_GRACE_MS, JobCheck } from './check-jobs.js';
import { type Diagnosis, type Finding, type Mended, mendAll } from './finding.js';

export interface SweepOptions {
  /** Least time between two sweeps of the whole fleet, in milliseconds; half as long again at most. Defaults to five minutes. */
  intervalMs?: number;
  /**
   * How long something may be overdue, or an instance exist and be reported, before it is mended, in milliseconds.
   * Defaults to one minute for jobs and ten for instances.
   */
  graceMs?: number;
}

export interface SweeperOptions extends SweepOptions {
  queue: JobQueueService;
  /** Defaults to none: instances are not looked at. */
  provider?: GpuProvider;
  /** Defaults to silence. */
  logger?: Logger;
}

export interface SweepResult {
  findings: Finding[];
  mended: Mended[];
}

export const DEFAULT_SWEEP_INTERVAL_MS = 300_000;
/** Events that one sweep reads at most: what is older is the doctor's. */
const LOOK_BACK = 50_000;
const STOP_MS = 5_000;

/**
 * Looks now and then for jobs that nothing brings on and instances that belong to nobody, and mends them. Every worker
 * has one; the first to sweep tells the others, so that the fleet sweeps about once in each interval. An instance is
 * reported first, and deleted only when a later sweep finds it orphaned still.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #logger: Logger;
  readonly #intervalMs: number;
  readonly #instanceGraceMs: number;
  /** When each orphan was reported first, by its id at the provider. */
  readonly #reported = new Map<string, number>();
  readonly #abort = new AbortController();
  #jobs: JobCheck | undefined;
  #timer: NodeJS.Timeout | undefined;
  #detach: (() => void) | undefined;
  #sweeping: Promise<unknown> = Promise.resolve();

  constructor(options: SweeperOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#intervalMs = options.intervalMs ?? DEFAULT_SWEEP_INTERVAL_MS;
    this.#instanceGraceMs = options.graceMs ?? DEFAULT_INSTANCE_GRACE_MS;
  }

  /** Sweeps from now on, for the first time after a random part of the interval: workers start together. */
  async start(): Promise<void> {
    if (this.#detach || this.#abort.signal.aborted) return;
    const broker = await this.#options.queue.broker();
    this.#detach ??= broker.onSwept(() => this.#planNext());
    this.#plan(this.#intervalMs * Math.random());
  }

  /** Sweeps no more, and waits a few seconds for a sweep that is under way. */
  async stop(): Promise<void> {
    this.#abort.abort();
    clearTimeout(this.#timer);
    this.#detach?.();
    await atMost(STOP_MS, this.#sweeping);
  }

  /** One sweep, now. */
  async sweep(): Promise<SweepResult> {
    const broker = await this.#options.queue.broker();
    const jobs = await this.#sweepJobs(broker);
    const instances = await this.#sweepInstances(broker);
    const all = [...jobs, ...instances];
    for (const { finding } of all) {
      if (finding.severity !== 'info') this.#logger.warn({ ...finding }, 'the sweep found something');
    }
    const mended = await mendAll([...jobs, ...this.#due(instances)]);
    for (const each of mended) this.#logger.warn({ ...each }, each.ok ? 'mended' : 'cannot be mended yet');
    return { findings: all.map(({ finding }) => finding), mended };
  }

  /** Each worker waits for another time, so that the first of them can tell the others in time. */
  #planNext(): void {
    this.#plan(this.#intervalMs * (1 + Math.random() / 2));
  }

  #plan(inMs: number): void {
    clearTimeout(this.#timer);
    if (this.#abort.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#sweeping = this.#sweepQuietly();
    }, inMs);
    this.#timer.unref();
  }

  async #sweepQuietly(): Promise<void> {
    try {
      const broker = await this.#options.queue.broker();
      broker.announceSwept();
      await this.sweep();
    } catch (err) {
      if (!this.#abort.signal.aborted) this.#logger.warn({ err }, 'a sweep failed; the next one comes');
    }
    this.#planNext();
  }

  #sweepJobs(broker: Broker): Promise<Diagnosis[]> {
    const graceMs = this.#options.graceMs ?? DEFAULT_JOB_GRACE_MS;
    this.#jobs ??= new JobCheck(broker, { graceMs, lookBack: LOOK_BACK });
    return this.#jobs.look();
  }

  async #sweepInstances(broker: Broker): Promise<Diagnosis[]> {
    const { provider } = this.#options;
    if (!provider) return [];
    const { signal } = this.#abort;
    return checkInstances(broker, provider, { graceMs: this.#instanceGraceMs, signal });
  }

  /** The orphans that an earlier sweep has reported; forgets those that are gone. */
  #due(instances: readonly Diagnosis[]): Diagnosis[] {
    const orphans = instances.filter(({ finding }) => finding.code === 'instance_orphaned');
    const present = new Set(orphans.map(({ finding }) => finding.target));
    for (const id of this.#reported.keys()) if (!present.has(id)) this.#reported.delete(id);
    const now = Date.now();
    return orphans.filter(({ finding: { target } }) => {
      const since = this.#reported.get(target);
      if (since === undefined) this.#reported.set(target, now);
      return since !== undefined && now - since >= this.#instanceGraceMs;
    });
  }
}
