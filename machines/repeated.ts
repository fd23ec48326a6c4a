import { toJobError } from '../src/jobs/job-error.js';

/** How long, and how often in a row, the provider has said the same of an instance: that it does not know it, for one. */
export interface Repeated {
  /** ISO time of the first such answer. */
  since: string;
  reads: number;
}

/** Fewer answers prove nothing, however far apart: providers forget for a moment what they have just made. */
const MIN_READS = 3;

/** One more answer. A read that fails is no answer, and changes nothing. */
export function readAgain(before: Repeated | undefined, now: string): Repeated {
  return { since: before?.since ?? now, reads: (before?.reads ?? 0) + 1 };
}

export function isProven({ since, reads }: Repeated, now: string, settleMs: number): boolean {
  return reads >= MIN_READS && sinceMs(since, now) >= settleMs;
}

/** Whether one more answer confirms an earlier one: a single answer may be wrong. */
export function isConfirmed(before: Repeated | undefined, now: string, settleMs: number): boolean {
  return before !== undefined && sinceMs(before.since, now) >= settleMs;
}

/** How long an instance may take from create to running before `onTimeout` applies. */
export const DEFAULT_MAX_WAIT_TIME_MS = 600_000;

/** Zero where a time cannot be read: what is unknown must not remove an instance. */
export function sinceMs(from: string | undefined, now: string): number {
  const ms = Date.parse(now) - Date.parse(from ?? '');
  return Number.isNaN(ms) ? 0 : Math.max(0, ms);
}

/** The pause after a failed call: what the provider asked for, at least `intervalMs`, and no longer than `leftMs`. */
export function retryDelayMs(error: unknown, intervalMs: number, leftMs: number): number {
  const wantedMs = Math.max(toJobError(error).retryAfterMs ?? 0, intervalMs);
  return Math.min(wantedMs, Math.max(leftMs, intervalMs));
}
