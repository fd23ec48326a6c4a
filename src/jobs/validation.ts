import type { z } from 'zod';
import { type Problem, ValidationError } from './errors.js';
import {
  EXCERPT_LENGTH,
  MAX_PAYLOAD_BYTES,
  MAX_PAYLOAD_DEPTH,
  MAX_PROBLEM_LENGTH,
  MAX_PROBLEMS,
} from './limits.js';
import { formatPath } from './paths.js';
import { isJobType } from './vocabulary.js';

/**
 * Checks a payload against the schema of its type and gives it back with defaults filled in.
 * @throws ValidationError `JETFLEET_PAYLOAD_UNKNOWN_KEY` when unknown keys are all that is wrong, else
 *   `JETFLEET_PAYLOAD_INVALID`; both list every problem by path
 */
export function parsePayload<T>(type: string, schema: z.ZodType<T>, payload: unknown): T {
  return acceptedPayload(type, payload, schema.safeParse(payload));
}

/**
 * The payload that a schema has accepted.
 * @throws as {@link parsePayload} does
 */
export function acceptedPayload<T>(type: string, payload: unknown, parsed: z.ZodSafeParseResult<T>): T {
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const onlyUnknownKeys = issues.every((issue) => issue.code === 'unrecognized_keys');
  const problems = issues.flatMap(toProblems).slice(0, MAX_PROBLEMS);
  throw new ValidationError(
    onlyUnknownKeys ? 'JETFLEET_PAYLOAD_UNKNOWN_KEY' : 'JETFLEET_PAYLOAD_INVALID',
    `payload of ${type} is invalid: ${problems.map(describe).join('; ')}`,
    { problems, excerpt: excerptOf(payload) },
  );
}

function toProblems(issue: z.core.$ZodIssue): Problem[] {
  const path = formatPath(issue.path);
  if (issue.code !== 'unrecognized_keys') return [clip({ path, message: messageOf(issue) })];
  return issue.keys.map((key) => clip({ path: path ? `${path}.${key}` : key, message: 'unknown key' }));
}

/** A field that is not there is no value of a wrong type. */
function messageOf(issue: z.core.$ZodIssue): string {
  const isMissing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
  return isMissing ? `is missing: expected ${issue.expected}` : issue.message;
}

function clip({ path, message }: Problem): Problem {
  return { path: path.slice(0, MAX_PROBLEM_LENGTH), message: message.slice(0, MAX_PROBLEM_LENGTH) };
}

function describe({ path, message }: Problem): string {
  return path ? `${path}: ${message}` : message;
}

/** @throws ValidationError `JETFLEET_TYPE_INVALID` */
export function assertJobType(type: unknown): asserts type is string {
  if (isJobType(type)) return;
  throw new ValidationError(
    'JETFLEET_TYPE_INVALID',
    `job type ${JSON.stringify(excerptOf(type))} must be snake_case: 1 to 64 of a-z 0-9 _, starting with a letter`,
  );
}

/** The beginning of a value as text, for error reports. Never throws. */
export function excerptOf(value: unknown): string {
  try {
    const isJson = typeof value === 'object' && value !== null;
    return (isJson ? (JSON.stringify(value) ?? '') : String(value)).slice(0, EXCERPT_LENGTH);
  } catch {
    return '[unprintable]';
  }
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
  assertPayloadSize(Buffer.byteLength(text));
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

/** @throws ValidationError `JETFLEET_PAYLOAD_TOO_LARGE` */
export function assertPayloadSize(bytes: number): void {
  if (bytes <= MAX_PAYLOAD_BYTES) return;
  throw new ValidationError(
    'JETFLEET_PAYLOAD_TOO_LARGE',
    `payload has ${bytes} bytes, the limit is ${MAX_PAYLOAD_BYTES}; store large data elsewhere and send a reference`,
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
