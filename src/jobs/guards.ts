/** What a value from outside is. */

/** A whole number from 0 on that is exact, such as a count, a sequence or an amount of money. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The text of a time, such as ISO 8601. */
export function isTime(value: unknown): value is string {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}
