/**
 * Numbers and times from outside, checked where they enter: options, arguments, and what handlers throw and return.
 * `NaN`, `Infinity`, fractions, strings and bigints never get further. `undefined` passes: the caller fills in a default.
 */
import { invalidOption, type ValidationError } from './errors.js';
import { quoted } from './excerpt.js';

/** Longest `setTimeout`, 24.8 days. Node fires a longer one at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** @throws ValidationError `JETFLEET_OPTION_INVALID` unless `value` is an integer from `min` to `max`, or undefined */
export function checkInteger(
  name: string,
  value: unknown,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): void {
  if (value === undefined || (Number.isInteger(value) && isWithin(value as number, min, max))) return;
  throw invalid(name, value, `an integer from ${min} to ${max}`);
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` unless `value` is a number from `min` to `max`, or undefined */
export function checkNumber(name: string, value: unknown, min: number, max: number): void {
  if (value === undefined || (typeof value === 'number' && isWithin(value, min, max))) return;
  throw invalid(name, value, `a number from ${min} to ${max}`);
}

/**
 * A time in milliseconds since the epoch.
 * @param value a valid Date, or the text of a time, such as `2026-01-01T00:00:00Z`
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
export function checkedTime(name: string, value: unknown): number {
  const isTime = value instanceof Date || typeof value === 'string';
  const ms = isTime ? new Date(value).getTime() : Number.NaN;
  if (Number.isNaN(ms)) throw invalid(name, value, 'a valid Date or an ISO 8601 time');
  return ms;
}

/**
 * A delay that somebody else asks for, such as `Retry-After`. It is a hint: one that is no number of milliseconds is
 * dropped, and one over `max` is cut.
 */
export function hintedMs(value: unknown, max: number): number | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) return undefined;
  return Math.min(Math.ceil(value), max);
}

function isWithin(value: number, min: number, max: number): boolean {
  return value >= min && value <= max;
}

function invalid(name: string, value: unknown, what: string): ValidationError {
  return invalidOption(`${name} must be ${what}, got ${quoted(value)}`);
}
