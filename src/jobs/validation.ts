import { ValidationError } from './errors.js';
import { quoted } from './excerpt.js';
import { MAX_PAYLOAD_BYTES, MAX_PAYLOAD_DEPTH } from './limits.js';
import { isJobType } from './vocabulary.js';

/** @throws ValidationError `JETFLEET_TYPE_INVALID` */
export function assertJobType(type: unknown): asserts type is string {
  if (isJobType(type)) return;
  throw new ValidationError(
    'JETFLEET_TYPE_INVALID',
    `job type ${quoted(type)} must be snake_case: 1 to 64 of a-z 0-9 _, starting with a letter`,
  );
}

/**
 * A payload as JSON text, within the limits of the contract.
 * @throws ValidationError `JETFLEET_PAYLOAD_TOO_DEEP`, `JETFLEET_PAYLOAD_TOO_LARGE`, or `JETFLEET_PAYLOAD_INVALID`
 *   when it has no JSON form
 */
export function encodePayload(payload: unknown): string {
  assertPayloadDepth(payload);
  return payloadText(payload);
}

/** As {@link encodePayload}, of a payload whose depth is known. */
export function payloadText(payload: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(payload);
  } catch (cause) {
    throw new ValidationError(
      'JETFLEET_PAYLOAD_INVALID',
      `payload has no JSON form: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
  if (text === undefined) {
    throw new ValidationError(
      'JETFLEET_PAYLOAD_INVALID',
      `payload has no JSON form: it is ${typeof payload}`,
    );
  }
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_PAYLOAD_BYTES) throw payloadTooLarge(bytes);
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
  return new ValidationError(
    'JETFLEET_PAYLOAD_TOO_LARGE',
    `payload has ${bytes} bytes, the limit is ${MAX_PAYLOAD_BYTES}; store large data elsewhere and send a reference`,
    excerpt === undefined ? {} : { excerpt },
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
