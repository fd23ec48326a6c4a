/** Checks of options from outside. Each throws a ValidationError `JETFLEET_OPTION_INVALID`; `check...` let `undefined` pass. */
import { invalidOption } from './errors.js';
import { excerptOf, quoted } from './excerpt.js';

export function assertObject(name: string, value: unknown): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw invalidOption(`${name} must be an object, got ${excerptOf(value)}`);
}

/** The names of all options of an interface; the compiler holds the two together. */
export type OptionNames<T extends object> = Readonly<Record<keyof T, true>>;

/** Refuses what is no object, and what no option is called: a name that is misspelt would else be ignored. */
export function assertOptions<T extends object>(
  name: string,
  value: T,
  known: Readonly<Record<keyof T, unknown>>,
): void {
  assertObject(name, value);
  for (const key in value) {
    if (Object.hasOwn(known, key) || value[key] === undefined) continue;
    throw invalidOption(`${name} has no ${quoted(key)}; it takes ${Object.keys(known).join(', ')}`);
  }
}

export function checkText(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'string') return;
  throw invalidOption(`${name} must be a string, got ${excerptOf(value)}`);
}

export function checkBoolean(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return;
  throw invalidOption(`${name} must be true or false, got ${excerptOf(value)}`);
}

export function assertFunction(name: string, value: unknown): void {
  if (typeof value === 'function') return;
  throw invalidOption(`${name} must be a function, got ${excerptOf(value)}`);
}

/** A name that people choose: a worker's. */
export function checkName(name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'string' && /^[^\p{Cc}]{1,200}$/u.test(value))) return;
  throw invalidOption(`${name} ${excerptOf(value)} must be 1 to 200 characters without control characters`);
}

export function assertTexts(name: string, value: unknown): void {
  assertArray(name, value);
  for (const each of value as unknown[]) checkText(`each of ${name}`, each ?? null);
}

export function assertArray(name: string, value: unknown): void {
  if (Array.isArray(value)) return;
  throw invalidOption(`${name} must be an array, got ${excerptOf(value)}`);
}
