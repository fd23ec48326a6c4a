/**
 * The places between two steps at which a worker may die. Each leaves the job in another half-done state, so the fault
 * harness stops a worker at every one of them.
 */
export const FAILPOINTS = [
  /** A message came; nothing is written. */
  'claim.delivered',
  /** The claim is written; nothing runs. */
  'claim.written',
  /** A checkpoint is written while the handler runs: the intent of a create is one. */
  'run.checkpoint',
  /** The handler has ended; nothing of that is written. */
  'run.ended',
  /** The terminal record is written; nothing that follows is published. */
  'finish.written',
  /** What follows is published; the message is not acknowledged. */
  'finish.followed',
  /** The record of a retrying or waiting job is written; no timer is set. */
  'retry.written',
  /** The timer is set; the message is not acknowledged. */
  'retry.timer-set',
  /** The timer of a job that came too early is set again; the message is not acknowledged. */
  'rearm.timer-set',
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

/** Called at each failpoint that a job passes; the worker goes on when it returns or resolves. */
export type OnFailpoint = (failpoint: Failpoint, jobId: string) => void | Promise<void>;
