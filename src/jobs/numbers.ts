/**
 * Numbers and times from outside. `checkInteger` and `checkNumber` throw `JETFLEET_OPTION_INVALID`, and let `undefined` pass.
 */
import { invalidOption, type ValidationError } from './errors.js';
import { quoted } from './excerpt.js';

/** Longest `setTimeout`, 24.8 days. Node fires a longer one at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

export function checkInteger(
  name: string,
  value: unknown,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): void {
  if (value === undefined || (Number.isInteger(value) && isWithin(value as number, min, max))) return;
  throw invalid(name, value, `an integer from ${min} to ${max}`);
}

export function checkNumber(name: string, value: unknown, min: number, max: number): void {
  if (value === undefined || (typeof value === 'number' && isWithin(value, min, max))) return;
  throw invalid(name, value, `a number from ${min} to ${max}`);
}

/** A valid Date, or the text of a time, as milliseconds since the epoch. @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkedTime(name: string, value: unknown): number {
  const isTime = value instanceof Date || typeof value === 'string';
  const ms = isTime ? new Date(value).getTime() : Number.NaN;
  if (Number.isNaN(ms)) throw invalid(name, value, 'a valid Date or an ISO 8601 time');
  return ms;
}

/** A delay that somebody else asks for, such as `Retry-After`: dropped where it is no number of milliseconds, and cut at `max`. */
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
