import type { z } from 'zod';
import { copyJson } from '../jobs/copy-json.js';
import { ValidationError } from '../jobs/errors.js';
import { toJobError } from '../jobs/job-error.js';
import { BUILT_IN_SCHEMAS } from '../jobs/payloads.js';
import { acceptedPayload, excerptOf, parsePayload } from '../jobs/validation.js';

/** How long a schema may take that asks somebody else, ms: shorter than a lease. */
const CHECK_MS = 10_000;

/** A payload as its schema gives it, or why the job is refused. */
export interface CheckedPayload {
  payload: unknown;
  error?: ValidationError;
}

/** Checks the payloads of one type. A schema is a user's code: it may throw, or take its time. Nothing here throws. */
export class PayloadCheck {
  readonly #type: string;
  readonly #schema: z.ZodType | undefined;
  /**
   * Whether every answer comes at once. One that may be a promise must never be asked for at once: zod then drops the
   * promise, and its rejection ends the process.
   */
  readonly #isSync: boolean;

  constructor(type: string, schema: z.ZodType | undefined) {
    this.#type = type;
    this.#schema = schema;
    this.#isSync = schema === undefined || schema === BUILT_IN_SCHEMAS[type] || hasNoFunction(schema);
  }

  /**
   * Undefined where the schema has to be waited for: see {@link inTime}. Schema and handler get a copy, since they may change
   * it, and the job's next attempt must run with what its producer sent.
   */
  now(payload: unknown): CheckedPayload | undefined {
    if (!this.#schema) return { payload: copyJson(payload) };
    if (!this.#isSync) return undefined;
    try {
      return { payload: parsePayload(this.#type, this.#schema, copyJson(payload)) };
    } catch (error) {
      return { payload: copyJson(payload), error: this.#refusal(payload, error) };
    }
  }

  async inTime(payload: unknown, limitMs = CHECK_MS): Promise<CheckedPayload> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`it took longer than ${limitMs} ms`)), limitMs);
    });
    try {
      const parsed = await Promise.race([this.#schema?.safeParseAsync(copyJson(payload)), late]);
      if (typeof parsed?.success !== 'boolean') throw new Error('it gave no answer of a schema');
      return { payload: acceptedPayload(this.#type, payload, parsed) };
    } catch (error) {
      return { payload: copyJson(payload), error: this.#refusal(payload, error) };
    } finally {
      clearTimeout(timer);
    }
  }

  #refusal(payload: unknown, cause: unknown): ValidationError {
    if (cause instanceof ValidationError) return cause;
    return new ValidationError(
      'JETFLEET_PAYLOAD_INVALID',
      `the schema of ${this.#type} failed on the payload: ${toJobError(cause).message}`,
      { cause, excerpt: excerptOf(payload) },
    );
  }
}

/** Whether a schema has no refinement, transform or other function of its user in it. */
function hasNoFunction(value: unknown, seen = new Set<unknown>()): boolean {
  if (typeof value === 'function') return false;
  if (typeof value !== 'object' || value === null || seen.has(value)) return true;
  seen.add(value);
  const { _zod } = value as { _zod?: { def: object } };
  // `when` is zod's own: whether a check is made at all.
  return Object.entries(_zod?.def ?? value).every(
    ([key, each]) => key === 'when' || hasNoFunction(each, seen),
  );
}
