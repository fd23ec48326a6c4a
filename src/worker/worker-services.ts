import type { Broker } from '../broker/broker.js';
import type { Delivery } from '../broker/consume/delivery.js';
import type { LimitSettings } from '../jobs/limit.js';
import type { JobOutcome } from '../jobs/outcome.js';
import type { Limiter } from '../queue/limits/limiter.js';
import type { LiveLimits } from '../queue/limits/live-limits.js';
import type { Logger } from '../telemetry/logger.js';
import type { UserCode } from '../telemetry/user-code.js';
import type { FirstDeliveries } from './claim/first-deliveries.js';
import type { HookCalls } from './hooks/hook-calls.js';
import type { JobContext } from './job-handler.js';
import type { LeaseKeeper } from './lease/lease-keeper.js';
import type { LingeringHandlers } from './lease/lingering-handlers.js';
import type { JobWatchers, WatchScope } from './steps/run-steps.js';

/** A job that this worker runs, as the rest of the worker sees it. */
export interface HeldJob {
  readonly context: JobContext;
  run(): Promise<JobOutcome>;
  /** Takes on a redelivery of the job's own message; false when the message is another one. */
  adopt(delivery: Delivery): boolean;
  release(): void;
  /** Stops the handler: the job was cancelled by the event `seq`. */
  cancelled(seq: number): void;
  /** This worker has claimed the job once more: the earlier claim is void, and its handler is stopped. */
  superseded(): void;
  watched(watch: WatchScope): void;
  /** A permit of a run was given to others, since it was renewed too late: its handler is stopped, where that is this run. */
  permitLost(run: string): void;
}

export interface WorkerServices {
  broker: Broker;
  worker: string;
  leases: LeaseKeeper;
  lingering: LingeringHandlers;
  firstDeliveries: FirstDeliveries;
  runs: Map<string, HeldJob>;
  /** Whether the time of a shutdown is up: whatever the worker still holds goes back to the queue. */
  isReleasing: () => boolean;
  eventsMaxAgeMs: number;
  /** Permits across all workers; made with the first call. */
  limiter: () => Limiter;
  liveLimits: () => LiveLimits;
  /** What the owner of the worker says of limits, by name. */
  limits: ReadonlyMap<string, LimitSettings>;
  logger: Logger;
  userCode: UserCode;
  hooks: HookCalls;
  onFailpoint?: OnFailpoint;
  watchers: JobWatchers;
}

/** The places between two steps at which the fault harness stops a worker: each leaves the job in another half-done state. */
export const FAILPOINTS = [
  /** A message came; nothing is written. */
  'claim.delivered',
  /** What becomes of a tick of a schedule is written; nothing of its job is. */
  'tick.decided',
  /** The claim is written; nothing runs. */
  'claim.written',
  /** A checkpoint is written while the handler runs: the intent of a create is one. */
  'run.checkpoint',
  /** The handler has ended; nothing of that is written. */
  'run.ended',
  /** A large result is stored as an object; no record refers to it. */
  'result.stored',
  /** The terminal record is written; nothing that follows is published. */
  'finish.written',
  /** What follows is published; the message is not acknowledged. */
  'finish.followed',
  /** The record of a retrying or waiting job is written; no timer is set. */
  'retry.written',
  /** The timer of a job that waits for something is set; nobody has looked whether that has come meanwhile. */
  'wait.timer-set',
  /** The timer is set; the message is not acknowledged. */
  'retry.timer-set',
  /** The record of a job without a permit is written; it is in no line. */
  'park.written',
  /** It is in line; its message is not acknowledged. */
  'park.in-line',
  /** A signal was handed to this worker; nothing is done about it. */
  'signal.delivered',
  /** The job that waits for it is woken; the signal is not acknowledged. */
  'signal.passed-on',
  /** The timer of a job that came too early is set again; the message is not acknowledged. */
  'rearm.timer-set',
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

export type OnFailpoint = (failpoint: Failpoint, jobId: string) => void | Promise<void>;
