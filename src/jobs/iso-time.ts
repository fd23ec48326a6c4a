/**
 * A time in milliseconds since the epoch as ISO 8601 in UTC.
 * @throws RangeError for what is no time
 */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
