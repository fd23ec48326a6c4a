import type { JobRecord } from '../jobs/job-record.js';
import type { Logger } from '../telemetry/logger.js';
import type { JobContext } from './job-handler.js';

/** What changes while a job runs. */
export interface RunningJob {
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly record: JobRecord;
  saveCheckpoint(value: unknown): Promise<void>;
}

/** What the handler sees: the same object for the whole run, its record as of the last write. */
export class RunContext implements JobContext {
  readonly id: string;
  readonly type: string;
  readonly priority: JobContext['priority'];
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly payload: unknown;
  readonly #run: RunningJob;

  constructor(record: JobRecord, payload: unknown, run: RunningJob) {
    this.id = record.id;
    this.type = record.type;
    this.priority = record.priority;
    this.attempt = record.attempt;
    this.maxAttempts = record.maxAttempts;
    this.payload = payload;
    this.#run = run;
  }

  /** Bound, since a handler may take it out of its context. */
  get saveCheckpoint(): JobContext['saveCheckpoint'] {
    return (value) => this.#run.saveCheckpoint(value);
  }

  get signal(): AbortSignal {
    return this.#run.signal;
  }

  get logger(): Logger {
    return this.#run.logger;
  }

  get record(): JobRecord {
    return this.#run.record;
  }

  get checkpoint(): unknown {
    return this.#run.record.checkpoint;
  }
}
