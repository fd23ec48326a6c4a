import { copyJson } from '../src/jobs/copy-json.js';
import type { JobErrorInfo } from '../src/jobs/errors.js';
import { MAX_TIMEOUT_MS } from '../src/jobs/limits.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import type { RunInput } from './run-input.js';

/** What the record of a job says when a worker takes it up. */
export interface JobMachineInput {
  jobId: string;
  type: string;
  payload: unknown;
  /** The attempt that ran last; 0 before the first. */
  attempt: number;
  maxAttempts: number;
  /** Limit for one run. Defaults to 24 hours, which is also the longest. */
  timeoutMs?: number;
  checkpoint?: unknown;
  webhookUrl?: string;
  tags?: readonly string[];
}

export interface JobMachineContext extends JobMachineInput {
  /** How the last run ended by itself; absent after a timeout, a cancellation or a lost lease. */
  outcome?: JobOutcome;
  /** Why the job failed, or why it is to be tried again. */
  error?: JobErrorInfo;
  /** When the present run began, ISO; empty before the first. */
  now: string;
}

export type JobEvent =
  /** A worker takes a pending job: a new attempt. */
  | { type: 'CLAIM'; now: string }
  /** The timer of a waiting job fired: the same attempt goes on. */
  | { type: 'RESUME'; now: string }
  /** The worker that held the job fell silent; `error` is why the job fails if no attempt is left. */
  | { type: 'RECLAIM'; now: string; error: JobErrorInfo }
  /** The run left something durable for later runs without ending. */
  | { type: 'CHECKPOINT'; checkpoint: unknown }
  | { type: 'REJECT'; error: JobErrorInfo }
  | { type: 'TIMEOUT'; error: JobErrorInfo }
  /** The job waited longer for its first attempt than it may. */
  | { type: 'EXPIRE'; error: JobErrorInfo }
  | { type: 'CANCEL'; error: JobErrorInfo }
  /** The worker shuts down and hands the job back, which burns no attempt. */
  | { type: 'RELEASE' };

export function contextOf(input: JobMachineInput | undefined): JobMachineContext {
  return { jobId: '', type: '', payload: undefined, attempt: 0, maxAttempts: 1, ...input, now: '' };
}

/** A run may change what it is given, and its checkpoint stays with the job. */
export function runInputOf({ outcome: _, error: __, ...input }: JobMachineContext): RunInput {
  return input.checkpoint === undefined ? input : { ...input, checkpoint: copyJson(input.checkpoint) };
}

export type Attempts = Pick<JobMachineInput, 'attempt' | 'maxAttempts'>;

export function hasAttemptsLeft({ attempt, maxAttempts }: Attempts): boolean {
  return attempt < maxAttempts;
}

export function timeoutOf({ timeoutMs }: { timeoutMs?: number | undefined }): number {
  return Math.min(timeoutMs ?? MAX_TIMEOUT_MS, MAX_TIMEOUT_MS);
}

export function timeoutError(context: { timeoutMs?: number | undefined }): JobErrorInfo {
  const message = `The attempt ran longer than ${timeoutOf(context)} ms`;
  return { code: 'JETFLEET_TIMEOUT', message, retryable: false };
}

export function noAttemptLeft({ attempt, maxAttempts }: JobMachineContext): JobErrorInfo {
  const message = `Attempt ${attempt} of ${maxAttempts} is used up`;
  return { code: 'JETFLEET_STALLED', message, retryable: false };
}
