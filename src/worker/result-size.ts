import { JetfleetError, ValidationError } from '../jobs/errors.js';
import { MAX_RESULT_BYTES } from '../jobs/limits.js';

/**
 * Checks what a handler leaves on its record. `undefined` is nothing.
 * @throws JetfleetError `JETFLEET_RESULT_TOO_LARGE` over 128 KiB of JSON, or without a JSON form
 */
export function assertResultSize(what: string, value: unknown): void {
  if (value === undefined) return;
  let bytes: number;
  try {
    bytes = Buffer.byteLength(JSON.stringify(value) ?? '');
  } catch (cause) {
    throw new JetfleetError(
      'JETFLEET_RESULT_TOO_LARGE',
      `the ${what} has no JSON form: ${(cause as Error).message}`,
      { cause },
    );
  }
  if (bytes <= MAX_RESULT_BYTES) return;
  throw new ValidationError(
    'JETFLEET_RESULT_TOO_LARGE',
    `the ${what} has ${bytes} bytes, the limit is ${MAX_RESULT_BYTES}; store large data elsewhere and keep a reference`,
  );
}
