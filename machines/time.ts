import { toJobError } from '../src/jobs/job-error.js';

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
