import type { StandardSchemaV1 } from '@standard-schema/spec';
import type * as z from 'zod';
import { withDeadline } from './deadline.js';
import { invalidOption, type Problem, ValidationError } from './errors.js';
import { beginningOf, excerptOf, formatPath } from './excerpt.js';
import { toJobError } from './job-error.js';
import { isLazySchema } from './lazy-schema.js';
import { MAX_PROBLEM_LENGTH, MAX_PROBLEMS } from './limits.js';

/** A schema of zod, valibot, arktype or any other library that follows Standard Schema 1. */
export type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>;

/** One of zod, which can be asked at once. */
export function isZod(schema: unknown): schema is z.ZodType {
  return isLazySchema(schema) || (typeof schema === 'object' && schema !== null && '_zod' in schema);
}

export type Checked<Output> = StandardSchemaV1.Result<Output>;

/** zod, whose issues tell more than the standard asks for. */
type Issue = StandardSchemaV1.Issue & { code?: string; keys?: string[]; expected?: string };

/** @throws ValidationError `JETFLEET_OPTION_INVALID` unless the value is a schema */
export function assertSchema(name: string, value: unknown): void {
  if (isLazySchema(value)) return;
  const { '~standard': standard } = Object(value) as Partial<Schema>;
  if (typeof standard?.validate === 'function') return;
  throw invalidOption(
    `${name} must be a schema, of zod or any other library of Standard Schema, got ${excerptOf(value)}`,
  );
}

/** The schemas of zod by whether they answer at once. */
const atOnce = new WeakMap<z.ZodType, boolean>();

/** Notes what the user of a schema of zod says: that it answers at once, whatever functions are in it. */
export function answersAtOnce(schema: z.ZodType): void {
  atOnce.set(schema, true);
}

/** Whether a schema of zod says so, or has no refinement, transform or other function of its user in it. */
function isAtOnce(schema: z.ZodType): boolean {
  let known = atOnce.get(schema);
  if (known === undefined) {
    known = hasNoFunction(schema);
    atOnce.set(schema, known);
  }
  return known;
}

function hasNoFunction(value: unknown, seen = new Set<unknown>()): boolean {
  if (typeof value === 'function') return false;
  if (typeof value !== 'object' || value === null || seen.has(value)) return true;
  seen.add(value);
  const { _zod } = value as { _zod?: { def: { check?: unknown } } };
  // The function of `superRefine` and of `check` stands beside the definition.
  if (_zod?.def.check === 'custom') return false;
  // `when` is zod's own: whether a check is made at all.
  return Object.entries(_zod?.def ?? value).every(
    ([key, each]) => key === 'when' || hasNoFunction(each, seen),
  );
}

/** Never asks zod at once what it can only answer later: it would drop its promise, whose rejection ends the process. */
function ask<Output>(
  schema: Schema<unknown, Output>,
  value: unknown,
): Checked<Output> | Promise<Checked<Output>> {
  if (isZod(schema) && isAtOnce(schema))
    return checkedByZod(schema.safeParse(value) as z.ZodSafeParseResult<Output>);
  const { safeParseAsync } = schema as { safeParseAsync?: unknown };
  if (typeof safeParseAsync !== 'function') return schema['~standard'].validate(value);
  return (schema as unknown as z.ZodType<Output>).safeParseAsync(value).then(checkedByZod);
}

function assertAnswer<Output>(checked: Checked<Output>): Checked<Output> {
  if (Array.isArray(checked.issues) || Object.hasOwn(checked, 'value')) return checked;
  throw new Error('it gave no answer of a schema');
}

/** The answer of zod in the words of the standard. */
function checkedByZod<Output>(parsed: z.ZodSafeParseResult<Output>): Checked<Output> {
  return parsed.success ? { value: parsed.data } : { issues: parsed.error.issues };
}

/** As {@link acceptedPayload}, of a schema which answers at once. */
export function parsePayload<Output>(type: string, schema: z.ZodType<Output>, payload: unknown): Output {
  return acceptedPayload(type, payload, checkedByZod(schema.safeParse(payload)));
}

/**
 * The payload that a schema has accepted, with defaults filled in.
 * @throws ValidationError `JETFLEET_PAYLOAD_UNKNOWN_KEY` when unknown keys are all that is wrong, else
 *   `JETFLEET_PAYLOAD_INVALID`; both list every problem by path
 */
function acceptedPayload<Output>(type: string, payload: unknown, checked: Checked<Output>): Output {
  if (!checked.issues) return checked.value;
  const issues = checked.issues as readonly Issue[];
  const onlyUnknownKeys = issues.length > 0 && issues.every(({ code }) => code === 'unrecognized_keys');
  const problems = issues.flatMap(toProblems).slice(0, MAX_PROBLEMS);
  throw new ValidationError(
    onlyUnknownKeys ? 'JETFLEET_PAYLOAD_UNKNOWN_KEY' : 'JETFLEET_PAYLOAD_INVALID',
    `payload of ${type} is invalid: ${problems.map(describe).join('; ')}`,
    { problems, excerpt: excerptOf(payload) },
  );
}

/** How long a schema may take that asks somebody else, ms: shorter than a lease. */
const CHECK_MS = 10_000;

/** What a schema, which is a user's code, says of a value, at once or within 10 s. @throws what it throws, and an error when it is late */
export function checkInTime<Output>(
  schema: Schema<unknown, Output>,
  value: unknown,
): Checked<Output> | Promise<Checked<Output>> {
  const answer = ask(schema, value);
  if (typeof (answer as Partial<Promise<unknown>>).then !== 'function')
    return assertAnswer(answer as Checked<Output>);
  const late = () => new Error(`it took longer than ${CHECK_MS} ms`);
  return withDeadline(CHECK_MS, [], late, async () => assertAnswer(await answer));
}

/** As {@link acceptedPayload}, at once or within 10 s. @throws ValidationError, also where the schema fails, or is late */
export function payloadInTime<Output>(
  type: string,
  schema: Schema<unknown, Output>,
  payload: unknown,
): Output | Promise<Output> {
  const refuse = (error: unknown): never => {
    throw refusalOf(type, payload, error);
  };
  try {
    const checked = checkInTime(schema, payload);
    if (!(checked instanceof Promise)) return acceptedPayload(type, payload, checked);
    return checked.then((later) => acceptedPayload(type, payload, later)).catch(refuse);
  } catch (error) {
    return refuse(error);
  }
}

/** Why a payload is refused: what its schema says of it, or that the schema failed. */
function refusalOf(type: string, payload: unknown, cause: unknown): ValidationError {
  if (cause instanceof ValidationError) return cause;
  return new ValidationError(
    'JETFLEET_PAYLOAD_INVALID',
    `the schema of ${type} failed on the payload: ${toJobError(cause).message}`,
    { cause, excerpt: excerptOf(payload) },
  );
}

function toProblems(issue: Issue): Problem[] {
  const path = formatPath((issue.path ?? []).map(keyOf));
  if (issue.code !== 'unrecognized_keys') return [shortened({ path, message: messageOf(issue) })];
  return (issue.keys ?? []).map((key) =>
    shortened({ path: path ? `${path}.${key}` : key, message: 'unknown key' }),
  );
}

function keyOf(segment: PropertyKey | StandardSchemaV1.PathSegment): PropertyKey {
  return typeof segment === 'object' ? segment.key : segment;
}

/** A field that is not there is no value of a wrong type. */
function messageOf({ code, message, expected }: Issue): string {
  const isMissing = code === 'invalid_type' && message.endsWith('received undefined');
  return isMissing ? `is missing: expected ${expected}` : message;
}

function shortened({ path, message }: Problem): Problem {
  return {
    path: beginningOf(path, MAX_PROBLEM_LENGTH),
    message: beginningOf(message, MAX_PROBLEM_LENGTH),
  };
}

function describe({ path, message }: Problem): string {
  return path ? `${path}: ${message}` : message;
}
