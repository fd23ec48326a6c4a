import { ValidationError } from '../../jobs/errors.js';
import { toJobError } from '../../jobs/job-error.js';
import { MAX_RESULT_BYTES } from '../../jobs/limits.js';

/**
 * Checks what a handler leaves on its record. `undefined` is nothing.
 * @returns its JSON
 * @throws ValidationError `JETFLEET_RESULT_TOO_LARGE` over 128 KiB of JSON, `JETFLEET_RESULT_INVALID` without a JSON form
 */
export function assertResultSize(what: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const text = jsonOf(what, value);
  if (text === undefined) throw noJson(what, `it is a ${typeof value}`);
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_RESULT_BYTES) return text;
  throw new ValidationError(
    'JETFLEET_RESULT_TOO_LARGE',
    `the ${what} has ${bytes} bytes, the limit is ${MAX_RESULT_BYTES}; store large data elsewhere and keep a reference`,
  );
}

function jsonOf(what: string, value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw noJson(what, toJobError(cause).message, cause);
  }
}

function noJson(what: string, why: string, cause?: unknown): ValidationError {
  return new ValidationError('JETFLEET_RESULT_INVALID', `the ${what} has no JSON form: ${why}`, { cause });
}
