import type { Broker } from '../broker/broker.js';
import { withDeadline } from '../jobs/deadline.js';
import { checkNumber, MAX_TIMER_MS } from '../jobs/numbers.js';
import { tryEach } from '../jobs/try-each.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import { type Logger, silentLogger } from '../telemetry/logger.js';
import { guardedLogger } from '../telemetry/user-code.js';
import type { SweptNotice } from '../wire/notice-messages.js';
import { removeUnserved } from './check-held.js';
import { DEFAULT_JOB_GRACE_MS, JobCheck } from './check-jobs.js';
import { checkStreams } from './check-streams.js';
import { type Diagnosis, type Finding, type Mended, mendAll } from './finding.js';
import { jobChecks } from './job-checks.js';
import { RetentionRound } from './retention.js';
import { Schedule, spread } from './schedule.js';

export interface SweepOptions {
  /** Least time between two sweeps of the whole fleet, in milliseconds, at most 12 days. Defaults to five minutes. */
  intervalMs?: number;
  /** How much longer than that a worker may wait, as a part of it, 0 to 1. Defaults to 0.5. */
  jitter?: number;
  /**
   * How long something may be overdue, or an instance exist and be reported, before it is mended, in milliseconds.
   * Defaults to one minute for jobs and ten for instances.
   */
  graceMs?: number;
}

/** Finds what jobs have left behind outside the broker, such as rented instances; one for all sweeps of a worker. */
export interface ResourceCheck {
  look(signal: AbortSignal): Promise<Diagnosis[]>;
  /** The findings of one check that are mended now. */
  due(found: readonly Diagnosis[]): Diagnosis[];
  /** Whether something was reported that a later check is to mend. */
  readonly hasReported: boolean;
}

/**
 * @property resource what it checks, such as `instances`: a worker leaves that to others that say they have checked the same
 * @param graceMs how long something must be left behind before it is mended; the check has a default of its own
 */
export type ResourceCheckOf = ((broker: Broker, graceMs?: number) => ResourceCheck) & {
  readonly resource: string;
};

export interface SweeperOptions extends SweepOptions {
  queue: JobQueueService;
  /** What is checked besides the jobs; it may grow. Defaults to nothing. */
  resources?: readonly ResourceCheckOf[];
  /** Asked before each sweep: false puts it off. Defaults to always. */
  isActive?: () => boolean;
  /** How long a check of resources may take, in milliseconds. Defaults to five minutes. */
  checkTimeoutMs?: number;
  logger?: Logger;
}

export interface SweepResult {
  findings: Finding[];
  mended: Mended[];
}

interface SweepCheck {
  look: () => Promise<Diagnosis[]>;
  /** The findings of it that are mended now. */
  due: (found: Diagnosis[]) => Diagnosis[];
}

export const DEFAULT_SWEEP_INTERVAL_MS = 300_000;
/** With the whole of it as jitter, still a time that a timer can wait. */
const MAX_INTERVAL_MS = MAX_TIMER_MS / 2;
/** A worker leaves its sweep to others for at most so many intervals: what they say cannot be verified. */
const MOST_INTERVALS = 4;
const BOUNDS = {
  /** Events: what is older is the doctor's. */
  lookBack: 50_000,
  /** Messages of each work stream; the next sweep goes on from there. */
  maxMessages: 10_000,
  /** Open jobs, some 15 MB. */
  maxOpen: 50_000,
};
/** A large account at a slow provider takes a minute. */
const DEFAULT_CHECK_TIMEOUT_MS = 300_000;

/**
 * Finds streams and consumers that are missing, jobs that nothing brings on and instances that belong to nobody, and repairs them. Removes
 * the ended jobs that are kept no longer.
 * The first worker to sweep says so to the others, so a small fleet sweeps about once in each interval. An instance is reported
 * first, and deleted only when a later sweep of the same worker finds it orphaned still.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #logger: Logger;
  readonly #intervalMs: number;
  readonly #schedule: Schedule;
  readonly #abort = new AbortController();
  readonly #retention: RetentionRound;
  #jobs: JobCheck | undefined;
  readonly #resources = new Map<ResourceCheckOf, ResourceCheck>();
  #detach: (() => void) | undefined;

  /** @throws ValidationError `JETFLEET_OPTION_INVALID` */
  constructor(options: SweeperOptions) {
    checkNumber('sweep.intervalMs', options.intervalMs, 1, MAX_INTERVAL_MS);
    checkNumber('sweep.jitter', options.jitter, 0, 1);
    checkNumber('sweep.graceMs', options.graceMs, 0, Number.MAX_SAFE_INTEGER);
    const { intervalMs = DEFAULT_SWEEP_INTERVAL_MS, jitter, logger = silentLogger } = options;
    this.#options = options;
    this.#logger = guardedLogger(logger);
    this.#intervalMs = intervalMs;
    this.#retention = new RetentionRound({ queue: options.queue, logger: this.#logger });
    this.#schedule = new Schedule({
      pauseMs: () => spread(intervalMs, jitter),
      mostMs: () => spread(MOST_INTERVALS * intervalMs, jitter),
      run: () => this.#round(),
      onError: (err) => {
        if (!this.#abort.signal.aborted) this.#logger.warn({ err }, 'a sweep failed; the next one comes');
      },
    });
  }

  /** Sweeps from now on, for the first time after a random part of the interval: workers start together. */
  async start(): Promise<void> {
    if (this.#detach || this.#abort.signal.aborted) return;
    const broker = await this.#options.queue.broker();
    if (this.#abort.signal.aborted) return;
    this.#detach ??= broker.notices.onSwept((notice) => this.#heard(notice));
    this.#schedule.start(this.#intervalMs * Math.random(), this.#intervalMs);
  }

  /** Sweeps no more, and waits a few seconds for a sweep that is under way. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#detach?.();
    await this.#schedule.stop();
  }

  /**
   * One sweep, now: streams and consumers, which all else needs, then jobs. A check that fails keeps no other from finding and mending.
   * @throws BrokerError when the broker cannot be asked; what a check has failed with, or an AggregateError for several
   */
  async sweep(): Promise<SweepResult> {
    const broker = await this.#options.queue.broker();
    const result: SweepResult = { findings: [], mended: [] };
    await tryEach(this.#checks(broker), async ({ look, due }) => {
      if (this.#abort.signal.aborted) return;
      const found = await look();
      result.findings.push(...found.map(({ finding }) => finding));
      result.mended.push(...(await this.#mend(found, due(found))));
    });
    return result;
  }

  #checks(broker: Broker): SweepCheck[] {
    const { queue, graceMs = DEFAULT_JOB_GRACE_MS } = this.#options;
    this.#jobs ??= new JobCheck(broker, { graceMs, ...BOUNDS });
    return [
      { look: () => findStreamFaults(broker), due: (found) => found.filter(isMissing) },
      ...jobChecks(queue, broker, this.#jobs, graceMs).map(({ look }) => ({ look, due: all })),
      ...this.#resourceChecks(broker).map((check) => ({
        look: () => this.#runCheck(check),
        due: (found: Diagnosis[]) => check.due(found),
      })),
      { look: () => findingNothing(this.#retention.apply()), due: all },
      { look: () => findingNothing(removeUnserved(broker)), due: all },
    ];
  }

  /** A provider that never answers must not end all later sweeps. */
  #runCheck(check: ResourceCheck): Promise<Diagnosis[]> {
    const { checkTimeoutMs = DEFAULT_CHECK_TIMEOUT_MS } = this.#options;
    const late = () => new Error(`what jobs have rented was not listed within ${checkTimeoutMs} ms`);
    return withDeadline(checkTimeoutMs, [this.#abort.signal], late, (signal) => check.look(signal));
  }

  async #mend(found: readonly Diagnosis[], due: readonly Diagnosis[]): Promise<Mended[]> {
    for (const { finding } of found) {
      if (finding.severity !== 'info') this.#logger.warn({ ...finding }, 'the sweep found something');
    }
    const mended = await mendAll(due);
    for (const each of mended) this.#logger.warn({ ...each }, each.ok ? 'mended' : 'cannot be mended yet');
    return mended;
  }

  /** Each is made once: it remembers what it has reported. */
  #resourceChecks(broker: Broker): ResourceCheck[] {
    const { resources = [], graceMs } = this.#options;
    return resources.map((checkOf) => {
      const check = this.#resources.get(checkOf) ?? checkOf(broker, graceMs);
      this.#resources.set(checkOf, check);
      return check;
    });
  }

  get #checked(): string[] {
    return (this.#options.resources ?? []).map(({ resource }) => resource);
  }

  /** Others may sweep less than this worker, and nobody else deletes the orphans that it has reported. */
  #heard({ resources }: SweptNotice): void {
    const hasReported = [...this.#resources.values()].some((check) => check.hasReported);
    const isAllSwept = this.#checked.every((resource) => resources.includes(resource));
    if (isAllSwept && !hasReported) this.#schedule.putOff();
  }

  async #round(): Promise<void> {
    const { queue, isActive = () => true } = this.#options;
    if (!isActive()) return;
    (await queue.broker()).notices.announceSwept({ resources: this.#checked });
    await this.sweep();
  }
}

/** Retention, copies and the like are somebody's choice, and what was changed on purpose is not changed back. */
async function findStreamFaults(broker: Broker): Promise<Diagnosis[]> {
  const found = await checkStreams(broker);
  return found.filter(({ finding: { code } }) => code !== 'setting_drift' && code !== 'copies_low');
}

function isMissing({ finding: { code } }: Diagnosis): boolean {
  return code === 'stream_missing' || code === 'consumer_missing';
}

async function findingNothing(work: Promise<void>): Promise<Diagnosis[]> {
  await work;
  return [];
}

function all(found: Diagnosis[]): Diagnosis[] {
  return found;
}
