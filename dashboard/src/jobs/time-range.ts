/** Time ranges that a link can carry: those up to now by name, others by their ends. */
export const RANGES: Record<string, [label: string, ms: number]> = {
  '15m': ['last 15 minutes', 15 * 60_000],
  '1h': ['last hour', 3_600_000],
  '6h': ['last 6 hours', 6 * 3_600_000],
  '24h': ['last 24 hours', 24 * 3_600_000],
  '7d': ['last 7 days', 7 * 24 * 3_600_000],
};
export const CUSTOM = 'custom';

/** The beginning of a named range, as ISO 8601. */
export function sinceOf(range: string): string | undefined {
  const ms = RANGES[range]?.[1];
  return ms === undefined ? undefined : new Date(Date.now() - ms).toISOString();
}

/** What `<input type="datetime-local">` shows for a time, in the zone of the browser. */
export function toLocalInput(iso: string | undefined): string {
  const ms = Date.parse(iso ?? '');
  if (Number.isNaN(ms)) return '';
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function fromLocalInput(text: string): string | undefined {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}
