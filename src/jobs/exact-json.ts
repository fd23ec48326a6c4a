/** JSON text whose values arrive as they were sent, or not at all. */
import { ValidationError } from './errors.js';
import { keyFault, LONE_SURROGATE } from './exact-value.js';
import { beginningOf, excerptOf, formatPath } from './excerpt.js';
import { MAX_PAYLOAD_DEPTH, MAX_PROBLEM_LENGTH } from './limits.js';

/**
 * Parses JSON and refuses what a JavaScript program would change: numbers that lose digits or overflow, `-0`, a key that
 * comes twice, `__proto__`, and lone surrogates.
 * @throws SyntaxError; ValidationError `JETFLEET_BODY_INEXACT` with the path of the first such value
 */
export function parseExactJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!isSurelyExact(text, value)) assertExact(text);
  return value;
}

const QUOTE = 0x22;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const UPPER_E = 0x45;
const LOWER_E = 0x65;

/** Whether the value surely says all that the text does, without allocating anything. In doubt {@link assertExact} decides. */
function isSurelyExact(text: string, value: unknown): boolean {
  if (text.includes('__proto__') || text.includes('\\u') || !text.isWellFormed()) return false;
  let keys = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === COLON) keys++;
    else if (code === MINUS || (code >= ZERO && code <= NINE)) {
      const end = endOfNumber(text, at);
      if (hasExponent(text, end)) return false;
      const isShort = code !== MINUS && end - at <= MAX_EXACT_DIGITS;
      if (!isShort && !isExactNumber(text.slice(at, end))) return false;
      at = end - 1;
    }
  }
  return keysIn(value, MAX_PAYLOAD_DEPTH) === keys;
}

function endOfNumber(text: string, start: number): number {
  let end = start + 1;
  for (let code = text.charCodeAt(end); ; code = text.charCodeAt(++end)) {
    if (code !== DOT && !(code >= ZERO && code <= NINE)) return end;
  }
}

function hasExponent(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === LOWER_E || code === UPPER_E;
}

/** All keys of a value that JSON.parse has made. Negative, which no text has, when it is nested too deep to be counted. */
function keysIn(value: unknown, levels: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (levels === 0) return Number.NEGATIVE_INFINITY;
  let count = 0;
  if (Array.isArray(value)) {
    for (const element of value) count += keysIn(element, levels - 1);
    return count;
  }
  for (const key in value) count += 1 + keysIn((value as Record<string, unknown>)[key], levels - 1);
  return count;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws ValidationError `JETFLEET_BODY_NOT_UTF8`, with what `excerpt` makes of the bytes */
export function decodeUtf8(data: Uint8Array, excerpt?: (data: Uint8Array) => string): string {
  try {
    return utf8.decode(data);
  } catch (cause) {
    throw new ValidationError('JETFLEET_BODY_NOT_UTF8', 'the body is not valid UTF-8; send JSON as UTF-8', {
      cause,
      excerpt: excerpt?.(data),
    });
  }
}

/** The parts of JSON that can be inexact, or lead to what is. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|[{}[\],]/g;

function assertExact(text: string): void {
  const path: PropertyKey[] = [];
  /** Of each level the keys so far; undefined for an array. */
  const levels: (Set<string> | undefined)[] = [];
  let isKeyNext = false;
  for (const [token] of text.matchAll(TOKENS)) {
    const keys = levels.at(-1);
    if (token === '{' || token === '[') {
      isKeyNext = token === '{';
      levels.push(isKeyNext ? new Set() : undefined);
      path.push(isKeyNext ? '' : 0);
    } else if (token === '}' || token === ']') {
      isKeyNext = false;
      levels.pop();
      path.pop();
    } else if (token === ',') {
      isKeyNext = keys !== undefined;
      if (!keys) path.push((path.pop() as number) + 1);
    } else if (isKeyNext && keys) {
      isKeyNext = false;
      const key = JSON.parse(token) as string;
      path[path.length - 1] = key;
      const twice = keys.has(key) ? 'comes twice, so that one of its values would be lost' : undefined;
      refuse(path, keyFault(key) ?? twice);
      keys.add(key);
    } else if (token.startsWith('"')) {
      refuse(path, (JSON.parse(token) as string).isWellFormed() ? undefined : LONE_SURROGATE);
    } else if (!isExactNumber(token)) {
      refuse(path, `is ${excerptOf(token)}, which a JavaScript number would change; send it as a string`);
    }
  }
}

function refuse(at: readonly PropertyKey[], fault: string | undefined): void {
  if (fault === undefined) return;
  const path = beginningOf(formatPath(at), MAX_PROBLEM_LENGTH);
  const message = beginningOf(fault, MAX_PROBLEM_LENGTH);
  throw new ValidationError('JETFLEET_BODY_INEXACT', `${path || 'the body'} ${message}`, {
    problems: [{ path, message }],
  });
}

/** Where the quotation mark stands that ends a string. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

/** An odd number of backslashes stands before it. */
function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text[first - 1] === '\\') first--;
  return (at - first) % 2 === 1;
}

/** With no more digits than this, a decimal number without an exponent comes out of a double as it went in. */
const MAX_EXACT_DIGITS = 15;

/** Whether the number, read and written again, is the same decimal number. */
function isExactNumber(text: string): boolean {
  if (text.length <= MAX_EXACT_DIGITS && !/[eE]/.test(text)) return !/^-0(?:\.0*)?$/.test(text);
  const value = Number(text);
  if (!Number.isFinite(value) || Object.is(value, -0)) return false;
  const written = String(value);
  return written === text || decimal(text) === decimal(written);
}

/** Sign, digits without zeros around them, and the power of ten of the last digit: the same for every spelling. */
function decimal(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  const end = trailingZeros(digits);
  const significant = digits.slice(0, digits.length - end);
  if (significant === '') return '0';
  return `${sign}${significant}e${Number(exponent) - fraction.length + end}`;
}

/** A regular expression would take quadratic time for many zeros in the middle. */
function trailingZeros(digits: string): number {
  let count = 0;
  while (digits[digits.length - 1 - count] === '0') count++;
  return count;
}
