import { copyJson } from '../../jobs/copy-json.js';
import { ConflictError } from '../../jobs/errors.js';
import type { FlowJobs } from '../../jobs/flow.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { SignalOptions } from '../../jobs/signals.js';
import type { Logger } from '../../telemetry/logger.js';
import type { JobContext } from '../job-handler.js';
import type { LeaseKeeper } from '../lease/lease-keeper.js';
import type { JobReports } from '../reports/job-reports.js';
import type { JobWaits } from '../waiting/job-waits.js';

/** What changes while a job runs. */
export interface RunningJob {
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly record: JobRecord;
  saveCheckpoint(value: unknown): Promise<void>;
  readonly limit: JobContext['limit'];
}

/** What a handler can do besides. */
export interface HandlerMeans {
  /** Where its reports go; undefined once its attempt has ended. */
  reports: () => JobReports | undefined;
  leases: Pick<LeaseKeeper, 'heartbeat' | 'extendFor'>;
  waits: () => JobWaits;
}

/** What the handler sees: the same object for the whole run, its record as of the last write. */
export class HandlerContext implements JobContext {
  readonly id: string;
  readonly type: string;
  readonly priority: JobContext['priority'];
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly payload: unknown;
  readonly #run: RunningJob;
  readonly #means: HandlerMeans;
  /** What the handler was shown last, and the copy of it: a change of the handler's must not get into the record. */
  #shown: { record?: JobRecord; copy?: JobRecord } = NOTHING;

  constructor(record: JobRecord, payload: unknown, run: RunningJob, means: HandlerMeans) {
    this.id = record.id;
    this.type = record.type;
    this.priority = record.priority;
    this.attempt = record.attempt;
    this.maxAttempts = record.maxAttempts;
    this.payload = payload;
    this.#run = run;
    this.#means = means;
  }

  /** Bound, since a handler may take it out of its context. */
  get saveCheckpoint(): JobContext['saveCheckpoint'] {
    return (value) => this.#run.saveCheckpoint(value);
  }

  get progress(): JobContext['progress'] {
    return (value) => this.#means.reports()?.progress(value);
  }

  get log(): JobContext['log'] {
    return (line) => this.#means.reports()?.log(line);
  }

  get emit(): JobContext['emit'] {
    return (chunk) => {
      const stored = this.#means.reports()?.emit(chunk) ?? Promise.reject(endedAttempt(this.id));
      // Nobody has to wait for it.
      stored.catch(() => {});
      return stored;
    };
  }

  get heartbeat(): JobContext['heartbeat'] {
    return () => this.#means.leases.heartbeat();
  }

  get extendLease(): JobContext['extendLease'] {
    return (ms) => this.#means.leases.extendFor(ms);
  }

  /** Bound, as all that a handler may call. */
  get waitForSignal(): JobContext['waitForSignal'] {
    return ((name: string, options?: SignalOptions) =>
      this.#means.waits().signal(name, options)) as JobContext['waitForSignal'];
  }

  get children(): JobContext['children'] {
    return ((jobs, options) => this.#means.waits().children(jobs, options)) as JobContext['children'];
  }

  get results(): JobContext['results'] {
    return (() => this.#means.waits().results()) as JobContext['results'];
  }

  /** For the handler of flows alone. */
  flow(jobs: FlowJobs): Promise<unknown> {
    return this.#means.waits().flow(jobs);
  }

  get limit(): JobContext['limit'] {
    return (limit, call, settings) => this.#run.limit(limit, call, settings);
  }

  get signal(): AbortSignal {
    return this.#run.signal;
  }

  get logger(): Logger {
    return this.#run.logger;
  }

  get record(): JobRecord {
    const { record } = this.#run;
    if (this.#shown.record !== record) this.#shown = { record, copy: copyJson(record) };
    return this.#shown.copy as JobRecord;
  }

  get checkpoint(): unknown {
    const { checkpoint } = this.#run.record;
    return typeof checkpoint === 'object' ? this.record.checkpoint : checkpoint;
  }
}

const NOTHING = {};

export function endedAttempt(id: string): ConflictError {
  return new ConflictError(`the attempt of job ${id} has ended already`);
}
