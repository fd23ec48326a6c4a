/**
 * When the timer of a job fires that is due at a time: one that waits longer than half of what EVENTS keeps comes back early, so that
 * its record is written again before it expires. Times are milliseconds since the epoch.
 */
export function timerTime(dueMs: number, fromMs: number, eventsMaxAgeMs: number): number {
  return Math.min(dueMs, fromMs + eventsMaxAgeMs / 2);
}
