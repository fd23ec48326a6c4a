/** What watchers hear on `inspect.<worker>.<job id>`, and what workers say of themselves. Nothing of it is stored. */

import type { RunningJob } from './notice-messages.js';

/** An arrow that a machine took, by the ids of its states: `pending.queued`. */
export interface TakenEdge {
  from: string;
  to: string;
  event: string;
  guard?: string;
}

/** One step of one actor. Unknown kinds are to be passed over. */
export interface InspectionRecord {
  v: 1;
  /** Grows by one with each record of a worker: a gap is a record that was lost. */
  seq: number;
  /** ISO 8601. */
  at: string;
  worker: string;
  /** Absent for the worker's own machine. */
  jobId?: string;
  /** Its number among the steps of this run of the job, from 0; absent for the worker's own machine. */
  step?: number;
  /** `job`, `worker_lifecycle`, the id of an invoked chart, or the name of any other invoked actor. */
  actor: string;
  /** The actor that made it; absent for the outermost ones, `job` and `worker_lifecycle`. */
  parent?: string;
  /** The chart that the actor runs; absent for one that runs none. */
  machine?: string;
  machineVersion?: string;
  /**
   * - `actor`: it was made
   * - `event`: it was sent `event`, by `sentBy`
   * - `transition`: it took `edges`
   * - `snapshot`: where it stood when it began, or when somebody began to watch
   * - `done`: it ended, with `status`
   */
  kind: 'actor' | 'event' | 'transition' | 'snapshot' | 'done';
  event?: string;
  /** What came with the event, with secrets masked and long values cut. */
  data?: unknown;
  sentBy?: string;
  edges?: TakenEdge[];
  /** Ids of the innermost states that it is in afterwards. */
  active?: string[];
  status?: 'active' | 'done' | 'error' | 'stopped';
  /** What it knows, with secrets masked and long values cut. */
  context?: unknown;
}

/** A handler that went on after its signal had fired, until its worker gave its slot away. */
export interface AbandonedHandler {
  id: string;
  type: string;
  attempt: number;
  /** When its signal fired, ISO 8601. */
  signalledAt: string;
}

/** A worker, as it answers on `jetfleet.workers`. Times are ISO 8601. */
export interface WorkerInfo {
  name: string;
  /** A state of the `worker_lifecycle` chart. */
  state: string;
  startedAt: string;
  host: string;
  pid: number;
  version: string;
  /** Its job types, each with its slots. */
  lanes: { type: string; concurrency: number; running: number }[];
  /** The jobs that it runs, at most 100; their priorities are missing in answers of earlier versions. */
  running: RunningJob[];
  /** How many it runs. */
  runningCount: number;
  /** Abandoned handlers that have not ended, at most 100. */
  abandoned: AbandonedHandler[];
  /** How many handlers it has abandoned since it started. */
  abandonedCount: number;
  /** Names of the streams that do not answer its writes, although the server is there. */
  stalled: string[];
}
