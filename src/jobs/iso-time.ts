/** Seconds whose text is remembered: jobs that come out of a backlog bring their own along with the present one. */
const SLOTS = 64;
const seconds = new Float64Array(SLOTS).fill(Number.NaN);
/** The start of each, up to where its milliseconds follow. */
const prefixes: string[] = new Array(SLOTS).fill('');

/**
 * A time in whole milliseconds since the epoch as ISO 8601 in UTC, as `new Date(ms).toISOString()` gives it. That costs
 * more than a microsecond, four of them for each job; here, times of the same second share all but three digits.
 * @throws RangeError for what is no time
 */
export function isoTime(ms: number): string {
  const second = Math.floor(ms / 1_000);
  const slot = Math.abs(second % SLOTS);
  if (seconds[slot] !== second) {
    prefixes[slot] = new Date(second * 1_000).toISOString().slice(0, -'000Z'.length);
    seconds[slot] = second;
  }
  return `${prefixes[slot]}${String(ms - second * 1_000).padStart(3, '0')}Z`;
}
