import { copyJson } from '../../jobs/copy-json.js';
import type { ValidationError } from '../../jobs/errors.js';
import type { KnownJobs } from '../../jobs/known-jobs.js';
import { isZod, parsePayload, payloadInTime, refusalOf, type Schema } from '../../jobs/schema.js';

/** A payload as its schema gives it, or why the job is refused. */
export interface CheckedPayload {
  payload: unknown;
  error?: ValidationError;
}

/** Checks the payloads of one type. A schema is a user's code: it may throw, or take its time. Nothing here throws. */
export class PayloadCheck {
  readonly #type: string;
  readonly #schema: Schema | undefined;
  /**
   * Whether every answer comes at once. One that may be a promise must never be asked for at once: zod then drops the
   * promise, and its rejection ends the process.
   */
  readonly #isSync: boolean;

  constructor(jobs: KnownJobs, type: string, schema: Schema | undefined) {
    this.#type = type;
    this.#schema = schema;
    const known = jobs.get(type);
    const saysSo = known?.stores === 'parsed' && known.payload === schema;
    this.#isSync = saysSo || (isZod(schema) && hasNoFunction(schema));
  }

  /**
   * Undefined where the schema has to be waited for: see {@link inTime}. Schema and handler get a copy, since they may change
   * it, and the job's next attempt must run with what its producer sent.
   */
  now(payload: unknown): CheckedPayload | undefined {
    if (!this.#schema) return { payload: copyJson(payload) };
    if (!this.#isSync || !isZod(this.#schema)) return undefined;
    try {
      return { payload: parsePayload(this.#type, this.#schema, copyJson(payload)) };
    } catch (error) {
      return { payload: copyJson(payload), error: refusalOf(this.#type, payload, error) };
    }
  }

  async inTime(payload: unknown): Promise<CheckedPayload> {
    if (!this.#schema) return { payload: copyJson(payload) };
    try {
      return { payload: await payloadInTime(this.#type, this.#schema, copyJson(payload)) };
    } catch (error) {
      return { payload: copyJson(payload), error: error as ValidationError };
    }
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
