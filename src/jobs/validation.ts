import { ValidationError } from './errors.js';
import { quoted } from './excerpt.js';
import { toJobError } from './job-error.js';
import { MAX_PAYLOAD_BYTES, MAX_PAYLOAD_DEPTH, MAX_RESULT_BYTES } from './limits.js';
import { isJobType, isPriority, type JobPriority, PRIORITIES } from './vocabulary.js';

/** @throws ValidationError `JETFLEET_TYPE_INVALID` */
export function assertJobType(type: unknown): asserts type is string {
  if (isJobType(type)) return;
  throw new ValidationError(
    'JETFLEET_TYPE_INVALID',
    `job type ${quoted(type)} must be snake_case: 1 to 64 of a-z 0-9 _, starting with a letter`,
  );
}

/** @throws ValidationError `JETFLEET_PRIORITY_INVALID` */
export function assertPriority(priority: unknown): asserts priority is JobPriority {
  if (isPriority(priority)) return;
  throw new ValidationError(
    'JETFLEET_PRIORITY_INVALID',
    `priority ${quoted(priority)} must be one of ${PRIORITIES.join(', ')}`,
  );
}

/** A payload as JSON text, within the limits of the contract. @throws ValidationError `JETFLEET_PAYLOAD_*` */
export function encodePayload(payload: unknown): string {
  assertPayloadDepth(payload);
  return payloadText(payload);
}

/** As {@link encodePayload}, of a payload whose depth was checked. */
export function payloadText(payload: unknown, maxBytes = MAX_PAYLOAD_BYTES): string {
  return jsonText('payload', payload, 'PAYLOAD', maxBytes);
}

type Kind = 'PAYLOAD' | 'RESULT';
const MAX_BYTES: Readonly<Record<Kind, number>> = { PAYLOAD: MAX_PAYLOAD_BYTES, RESULT: MAX_RESULT_BYTES };

/** @throws ValidationError `JETFLEET_<kind>_INVALID` for what has no JSON form, `JETFLEET_<kind>_TOO_LARGE` */
export function jsonText(what: string, value: unknown, kind: Kind, maxBytes = MAX_BYTES[kind]): string {
  const noJson = (why: string, cause?: unknown) =>
    new ValidationError(`JETFLEET_${kind}_INVALID`, `${what} has no JSON form: ${why}`, { cause });
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw noJson(toJobError(cause).message, cause);
  }
  if (text === undefined) throw noJson(`it is of type ${typeof value}`);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) throw tooLarge(what, bytes, kind, undefined, maxBytes);
  return text;
}

/** @throws ValidationError `JETFLEET_PAYLOAD_TOO_DEEP` */
export function assertPayloadDepth(payload: unknown): void {
  if (!isWithinDepth(payload, MAX_PAYLOAD_DEPTH)) throw payloadTooDeep();
}

export function payloadTooDeep(): ValidationError {
  return new ValidationError(
    'JETFLEET_PAYLOAD_TOO_DEEP',
    `payload is nested deeper than ${MAX_PAYLOAD_DEPTH} levels`,
  );
}

export function payloadTooLarge(bytes: number, excerpt?: string): ValidationError {
  return tooLarge('payload', bytes, 'PAYLOAD', excerpt);
}

function tooLarge(
  what: string,
  bytes: number,
  kind: Kind,
  excerpt?: string,
  maxBytes = MAX_BYTES[kind],
): ValidationError {
  return new ValidationError(
    `JETFLEET_${kind}_TOO_LARGE`,
    `${what} has ${bytes} bytes, the limit is ${maxBytes}; store large data elsewhere and keep a reference, or set maxObjectBytes`,
    { excerpt },
  );
}

function isWithinDepth(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0) return false;
  for (const key in value) {
    if (!isWithinDepth((value as Record<string, unknown>)[key], levels - 1)) return false;
  }
  return true;
}
