/** Whether a value has all that is asked of it. */
import { isDeepStrictEqual } from 'node:util';

/** What vitest and jest call `expect.any(...)` and its like. */
interface Asymmetric {
  asymmetricMatch(value: unknown): boolean;
}

/**
 * Objects may have more keys than are asked for; arrays may not be longer. A regular expression fits a text, and `expect.any(...)` and
 * its like of vitest and jest what they fit there.
 */
export function matches(value: unknown, wanted: unknown): boolean {
  if (isAsymmetric(wanted)) return wanted.asymmetricMatch(value);
  if (wanted instanceof RegExp) return typeof value === 'string' && wanted.test(value);
  if (typeof wanted !== 'object' || wanted === null) return Object.is(value, wanted);
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(wanted)) {
    if (!Array.isArray(value) || value.length !== wanted.length) return false;
    return wanted.every((each, index) => matches(value[index], each));
  }
  if (Object.getPrototypeOf(wanted) !== Object.prototype) return isDeepStrictEqual(value, wanted);
  return Object.entries(wanted).every(([key, each]) =>
    matches((value as Record<string, unknown>)[key], each),
  );
}

function isAsymmetric(wanted: unknown): wanted is Asymmetric {
  return typeof (wanted as Partial<Asymmetric> | null | undefined)?.asymmetricMatch === 'function';
}
