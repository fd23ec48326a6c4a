import { copyJson } from '../../jobs/copy-json.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { Logger } from '../../telemetry/logger.js';
import type { JobContext } from '../job-handler.js';

/** What changes while a job runs. */
export interface RunningJob {
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly record: JobRecord;
  saveCheckpoint(value: unknown): Promise<void>;
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
  /** What the handler was shown last, and the copy of it: a change of the handler's must not get into the record. */
  #shown: { record?: JobRecord; copy?: JobRecord } = NOTHING;

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
