/** Whatever a handler throws, as it stands on a record. Nothing here throws, and what does not fit is cut. */
import {
  JetfleetError,
  type JobErrorInfo,
  NonRetryableError,
  type Problem,
  TimeoutError,
  ValidationError,
} from './errors.js';
import { clip } from './excerpt.js';
import {
  MAX_DELAY_MS,
  MAX_ERROR_CODE_LENGTH,
  MAX_ERROR_DETAILS_LENGTH,
  MAX_ERROR_EXCERPT_LENGTH,
  MAX_ERROR_MESSAGE_LENGTH,
  MAX_ERROR_STACK_LENGTH,
  MAX_PROBLEM_LENGTH,
  MAX_PROBLEMS,
} from './limits.js';
import { hintedMs } from './numbers.js';

/** Errors in a chain of causes, or of an AggregateError, whose messages and stacks are kept. */
const MAX_CAUSES = 5;
/** Of each of them so much of the stack is kept, in characters: enough for the frames that lead to the handler. */
const MAX_STACK_OF_EACH = 2_000;
/** Codes that Node, drivers and services give their errors. Those of Jetfleet are its own. */
const FOREIGN_CODE = /^(?!JETFLEET_)[\w.-]{1,100}$/;

/**
 * Errors of Jetfleet keep their code, and whether they are retryable; whatever else a handler throws is retryable,
 * since most such errors come from the network. It keeps a code such as `ECONNREFUSED`, its own or that of its cause.
 */
export function toJobError(thrown: unknown): JobErrorInfo {
  if (JetfleetError.is(thrown)) return errorInfoOf(thrown, !isFinal(thrown));
  const code = [thrown, ...reasonsOf(thrown)].map(foreignCode).find((each) => each !== undefined);
  return {
    code: code ?? 'JETFLEET_HANDLER_FAILED',
    message: clip(describe(thrown), MAX_ERROR_MESSAGE_LENGTH),
    retryable: true,
  };
}

/** What a handler threw, as {@link toJobError} has it, with the stacks of the error and its causes. */
export function thrownError(thrown: unknown): JobErrorInfo {
  const stacks = [thrown, ...reasonsOf(thrown)].map(stackOf).filter((each) => each !== undefined);
  const error = toJobError(thrown);
  if (stacks.length === 0) return error;
  return { ...error, stack: clip(stacks.join('\ncaused by: '), MAX_ERROR_STACK_LENGTH) };
}

/** An object with the fields of an error. `otherwise` says whether it is retryable, where it does not say itself. */
export function errorInfoOf(source: object, otherwise = false): JobErrorInfo {
  const stated = read(source, 'retryable');
  const retryable = typeof stated === 'boolean' ? stated : otherwise;
  const code = read(source, 'code');
  const problems = problemsOf(read(source, 'problems'));
  const excerpt = read(source, 'excerpt');
  const retryAfterMs = hintedMs(read(source, 'retryAfterMs'), MAX_DELAY_MS);
  const details = detailsOf(read(source, 'details'));
  const nameless = retryable ? 'JETFLEET_HANDLER_FAILED' : 'JETFLEET_NON_RETRYABLE';
  return {
    code: typeof code === 'string' && code !== '' ? clip(code, MAX_ERROR_CODE_LENGTH) : nameless,
    message: clip(textOf(read(source, 'message', UNREADABLE)), MAX_ERROR_MESSAGE_LENGTH),
    retryable,
    ...(problems && { problems }),
    ...(excerpt !== undefined && { excerpt: clip(textOf(excerpt), MAX_ERROR_EXCERPT_LENGTH) }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(details && { details }),
  };
}

/** Only of a plain object, whose JSON is small enough. */
function detailsOf(value: unknown): Record<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null || isA(Array, value)) return undefined;
  try {
    const text = JSON.stringify(value);
    return text.length <= MAX_ERROR_DETAILS_LENGTH ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

/** Classes that promise to fail their job at once, whatever can still be read of them. */
function isFinal(error: JetfleetError): boolean {
  return [NonRetryableError, ValidationError, TimeoutError].some((each) => isA(each, error));
}

function problemsOf(value: unknown): Problem[] | undefined {
  if (!isA(Array, value)) return undefined;
  return firstOf(value, MAX_PROBLEMS).map((problem) => ({
    path: clip(textOf(read(problem, 'path', '')), MAX_PROBLEM_LENGTH),
    message: clip(textOf(read(problem, 'message', problem)), MAX_PROBLEM_LENGTH),
  }));
}

/** The message of an error with those of its causes, which often say more: `fetch failed` says nothing. */
function describe(thrown: unknown): string {
  if (!isA(Error, thrown)) return textOfThrown(thrown);
  const own = textOf(read(thrown, 'message', UNREADABLE)) || textOf(read(thrown, 'name', UNREADABLE));
  return reasonsOf(thrown).reduce<string>((whole, reason) => {
    const text = textOfThrown(reason);
    return whole.includes(text) ? whole : `${whole}: ${text}`;
  }, own);
}

/** The errors of an AggregateError, and the chain of causes. */
function reasonsOf(thrown: unknown): unknown[] {
  if (!isA(Error, thrown)) return [];
  const reasons = firstOf(read(thrown, 'errors'), MAX_CAUSES);
  let cause = read(thrown, 'cause');
  while (cause !== undefined && reasons.length < MAX_CAUSES) {
    reasons.push(cause);
    cause = read(cause, 'cause');
  }
  return reasons;
}

/** An object that is no error says most by its message, or by its JSON form. */
function textOfThrown(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null) return textOf(thrown);
  const message = read(thrown, 'message');
  if (message !== undefined) return textOf(message);
  const text = textOf(thrown);
  if (text !== '[object Object]') return text;
  return safely(() => JSON.stringify(thrown) ?? text, text);
}

function foreignCode(thrown: unknown): string | undefined {
  const code = read(thrown, 'code');
  return typeof code === 'string' && FOREIGN_CODE.test(code) ? code : undefined;
}

function stackOf(thrown: unknown): string | undefined {
  if (!isA(Error, thrown)) return undefined;
  const stack = read(thrown, 'stack');
  return typeof stack === 'string' && stack !== '' ? clip(stack, MAX_STACK_OF_EACH) : undefined;
}

function firstOf(list: unknown, max: number): unknown[] {
  const length = read(list, 'length');
  if (!isA(Array, list) || typeof length !== 'number') return [];
  return Array.from({ length: Math.min(length, max) }, (_, index) => read(list, String(index)));
}

const UNREADABLE = '[unprintable]';

/** A property, or `otherwise` where there is none, or none that can be read. */
function read(value: unknown, key: string, otherwise?: unknown): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return otherwise;
  return safely(() => (value as Record<string, unknown>)[key] ?? otherwise, otherwise);
}

function isA<T>(type: { new (...args: never[]): T }, value: unknown): value is T {
  return safely(() => value instanceof type, false);
}

function textOf(value: unknown): string {
  return safely(() => String(value), UNREADABLE);
}

function safely<T>(get: () => T, otherwise: T): T {
  try {
    return get();
  } catch {
    return otherwise;
  }
}
