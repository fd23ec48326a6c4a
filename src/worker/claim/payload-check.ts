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
   * At once where the schema can answer at once: most of what a short job costs is promises. Schema and handler get a copy, since
   * they may change it, and the job's next attempt must run with what its producer sent.
   */
  of(payload: unknown): CheckedPayload | Promise<CheckedPayload> {
    const schema = this.#schema;
    const copy = copyJson(payload);
    const refuse = (error: unknown) => ({
      payload: copyJson(payload),
      error: refusalOf(this.#type, payload, error),
    });
    if (!schema) return { payload: copy };
    if (!this.#isSync || !isZod(schema))
      return payloadInTime(this.#type, schema, copy).then((checked) => ({ payload: checked }), refuse);
    try {
      return { payload: parsePayload(this.#type, schema, copy) };
    } catch (error) {
      return refuse(error);
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
