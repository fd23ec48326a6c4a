/** Bodies of the messages between processes that are not stored. Anybody may send them, so each is verified before it is acted on. */
import type { JobPriority, WorkKind } from '../jobs/vocabulary.js';

/** `jetfleet.cancelled`: a job was cancelled, or changed while it waited, by the event with this sequence. */
export interface CancelledNotice {
  id: string;
  seq: number;
}

/** `jetfleet.swept`: a worker begins a sweep. */
export interface SweptNotice {
  /** What is looked at besides the jobs, such as `instances`: a worker without a provider cannot. */
  resources: string[];
}

/** `jetfleet.settled`: asks for the messages of a consumer that were acknowledged, from a sequence on. */
export interface AcknowledgedQuestion {
  kind: WorkKind;
  /** The name of the consumer, `<type>-<priority>`. */
  consumer: string;
  firstSeq: number;
}

export interface AcknowledgedAnswer {
  /** Ascending sequences, each as its difference from the one before. */
  settled: number[];
  /** The last one that its stream has taken from TIMERS, stored or not; absent when there was none. */
  lastTaken?: number;
}

/** `jetfleet.workers`: asks every worker for its state. The body is an empty object. */
export type WorkersQuestion = Record<string, never>;

/** `jetfleet.charts`: asks every worker for the charts that its handlers run. */
export interface ChartsQuestion {
  /** Only the machine of this id. */
  machine?: string;
}

/** `jetfleet.drain`: orders one worker to take no more jobs, or to take them again. */
export interface DrainOrder {
  worker: string;
  drain: boolean;
  /** After so long the worker takes jobs again, in milliseconds. Defaults to one hour. */
  forMs?: number;
}

/** `jetfleet.watch`: somebody watches a job, or all, for the next seconds. */
export interface WatchNotice {
  jobId?: string;
  /** The first notice of a watch: workers send where each machine is. */
  begins?: true;
}

/** `jetfleet.limits`: handlers that wait for a permit have one now, or a limit was set. */
export interface LimitsNotice {
  /** Owners of the permits. */
  given?: string[];
  /** The name of the limit that was set. */
  set?: string;
  /** The sequence of that setting. */
  setAt?: number;
}

/** `limits.set.<limit>`: the setting of a limit. Without numbers, what its workers configure applies again. */
export interface LimitSetting {
  name: string;
  concurrency?: number;
  rate?: { max: number; perMs: number };
}

/** A job that a worker runs, as `jetfleet.workers` shows it. */
export interface RunningJob {
  id: string;
  type: string;
  /** Missing in answers of earlier versions. */
  priority?: JobPriority;
  attempt: number;
  /** ISO 8601. */
  startedAt: string;
}
