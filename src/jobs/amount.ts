/** Amounts of money: integers of 1/100,000 USD, or of the currency that the account is billed in. No float is ever added or multiplied. */
import { invalidOption } from './errors.js';
import { excerptOf } from './excerpt.js';

/** So many units make one USD. */
export const UNITS_PER_USD = 100_000;
const DECIMALS = 5;
const MS_PER_HOUR = 3_600_000n;
/** What a number in an answer looks like as text, such as `0.35`, `3` or `1e-7`. */
const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i;
/** What a person writes: `$1.50`, `1.5`, `12 USD`. */
const WRITTEN = /^\$?\s*(\d+)(?:\.(\d+))?\s*(?:USD)?$/i;
/** Longer ones are no prices, and would only cost time. */
const MAX_LENGTH = 40;

/**
 * A price that a provider gives as a decimal number, times a count, to the nearest unit. The digits are taken as they stand: 0.29 is 29,000
 * and not 28,999.999….
 * @param decimals how many digits of `value` make one of its own units 1/100,000: 5 for USD, 3 for cents
 * @returns undefined for what is no number, or too large
 */
export function amountOf(value: number | string, times = 1, decimals = DECIMALS): number | undefined {
  const text = String(value).trim();
  const match = text.length <= MAX_LENGTH ? DECIMAL.exec(text) : null;
  if (!match || !Number.isInteger(times)) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  if (Math.abs(Number(exponent)) > MAX_LENGTH) return undefined;
  const digits = BigInt(`${sign}${whole}${fraction}`) * BigInt(times);
  const shift = decimals - fraction.length + Number(exponent);
  const units = shift >= 0 ? digits * 10n ** BigInt(shift) : nearest(digits, 10n ** BigInt(-shift));
  const amount = Number(units);
  return Number.isSafeInteger(amount) ? amount : undefined;
}

/**
 * An amount that a person has written, such as `$1.50` or `1.23456`.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` that names `what`, also for more than five decimals
 */
export function parseAmount(what: string, text: string): number {
  const [, whole = '', fraction = ''] = WRITTEN.exec(text.trim()) ?? [];
  const amount = Number(`${whole}${fraction.padEnd(DECIMALS, '0')}`);
  if (whole !== '' && fraction.length <= DECIMALS && Number.isSafeInteger(amount)) return amount;
  throw invalidOption(
    `${what} must be an amount in USD with at most ${DECIMALS} decimals, such as 1.50, got ${excerptOf(text)}`,
  );
}

/** `$1.23450` */
export function formatAmount(amount: number): string {
  const digits = String(Math.abs(amount)).padStart(DECIMALS + 1, '0');
  return `${amount < 0 ? '-' : ''}$${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS)}`;
}

/** What a price for an hour, times milliseconds, comes to: rounded up to a whole unit. It is divided once all is added up. */
export function chargedAmount(exact: bigint): number {
  return Number((exact + MS_PER_HOUR - 1n) / MS_PER_HOUR);
}

/** What a time costs, rounded up to a whole unit. @param ms whole milliseconds */
export function costOfTime(pricePerHour: number, ms: number): number {
  return chargedAmount(BigInt(pricePerHour) * BigInt(ms));
}

function nearest(value: bigint, by: bigint): bigint {
  const half = by / 2n;
  return value < 0n ? -((-value + half) / by) : (value + half) / by;
}
