/** Options from outside are objects; what is in them is checked by whoever uses it. */
import { invalidOption } from './errors.js';
import { excerptOf, quoted } from './excerpt.js';

/** @throws ValidationError `JETFLEET_OPTION_INVALID` unless the value is an object and no array */
export function assertObject(name: string, value: unknown): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw invalidOption(`${name} must be an object, got ${excerptOf(value)}`);
}

/** The names of all options of an interface; the compiler holds the two together. */
export type OptionNames<T extends object> = Readonly<Record<keyof T, true>>;

/**
 * Refuses what no option is called: a name that is misspelt would else be ignored.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` unless the value is an object whose options all have a known name
 */
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

/** @throws ValidationError `JETFLEET_OPTION_INVALID` unless the value is a string, or undefined */
export function checkText(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'string') return;
  throw invalidOption(`${name} must be a string, got ${excerptOf(value)}`);
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` unless the value is true or false, or undefined */
export function checkBoolean(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return;
  throw invalidOption(`${name} must be true or false, got ${excerptOf(value)}`);
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` unless the value is a function */
export function assertFunction(name: string, value: unknown): void {
  if (typeof value === 'function') return;
  throw invalidOption(`${name} must be a function, got ${excerptOf(value)}`);
}

/** A name that people choose: a worker's. @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkName(name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'string' && /^[^\p{Cc}]{1,200}$/u.test(value))) return;
  throw invalidOption(`${name} ${excerptOf(value)} must be 1 to 200 characters without control characters`);
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` unless the value is an array of strings */
export function assertTexts(name: string, value: unknown): void {
  assertArray(name, value);
  for (const each of value as unknown[]) checkText(`each of ${name}`, each ?? null);
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` unless the value is an array */
export function assertArray(name: string, value: unknown): void {
  if (Array.isArray(value)) return;
  throw invalidOption(`${name} must be an array, got ${excerptOf(value)}`);
}
