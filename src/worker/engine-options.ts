import type { LimitSettings } from '../jobs/limit.js';
import type { Logger } from '../telemetry/logger.js';
import type { SweepOptions } from '../upkeep/sweeper.js';
import type { AbandonedHandler } from '../wire/inspection.js';
import type { CheckedInspect } from './steps/keep-steps.js';
import type { OnFailpoint } from './worker-services.js';

export interface WorkerEngineOptions {
  logger?: Logger;
  sweep?: SweepOptions | false;
  remoteDrain?: boolean;
  /** What the owner of the worker says of limits, by name. */
  limits?: ReadonlyMap<string, LimitSettings>;
  inspect: CheckedInspect;
  onFailpoint?: OnFailpoint;
}

/** What became of the running jobs in a shutdown. */
export interface ShutdownResult {
  /** Jobs that were still running when the time was up, and went back to the queue. */
  released: number;
  /** Handlers that run still, although their signals have fired; absent when there are none. */
  abandoned?: AbandonedHandler[];
  /** What steps of the shutdown threw; all others ran. Absent when there is nothing. */
  errors?: Error[];
}
