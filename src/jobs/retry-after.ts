/** Longest `Retry-After` that is honoured, in milliseconds: 24 hours. */
export const MAX_RETRY_AFTER_MS = 24 * 60 * 60 * 1000;

/**
 * A `Retry-After` header (RFC 9110, 10.2.3) as a delay of 0 to {@link MAX_RETRY_AFTER_MS}. Undefined for a value that is
 * neither whole seconds nor an HTTP date; `Date.parse` alone would take `-5` and `1.5` for dates.
 * @param nowMs what a date counts from, in milliseconds since 1970
 */
export function parseRetryAfter(value: string | null | undefined, nowMs: number): number | undefined {
  const text = value?.trim() ?? '';
  const isDate = /^[A-Z][a-z]{2,8}, .+ GMT$/.test(text);
  const delayMs = /^\d+$/.test(text) ? Number(text) * 1000 : isDate ? Date.parse(text) - nowMs : Number.NaN;
  return Number.isNaN(delayMs) ? undefined : Math.min(Math.max(delayMs, 0), MAX_RETRY_AFTER_MS);
}
