/** A number in at most three significant digits, or all of those before the point: `12,345`, `0.123`, `8.5`. */
export function inDigits(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return value.toLocaleString('en', { maximumSignificantDigits: 3 });
}
