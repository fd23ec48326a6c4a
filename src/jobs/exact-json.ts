/** JSON text whose values arrive as they were sent, or not at all. */
import { ValidationError } from './errors.js';
import { keyFault } from './exact-value.js';
import { EXCERPT_LENGTH, MAX_PROBLEM_LENGTH } from './limits.js';
import { formatPath } from './paths.js';

/**
 * Parses JSON and refuses what a JavaScript program would change: numbers that lose digits or overflow, `-0`, a key that
 * comes twice, `__proto__`, and lone surrogates.
 * @throws SyntaxError when it is no JSON
 * @throws ValidationError `JETFLEET_BODY_INEXACT` with the path of the first such value
 */
export function parseExactJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  // What is written again as the same text has lost nothing. Other spellings are read once more, token by token.
  const maySkip = !text.includes('__proto__') && !text.includes('\\ud') && JSON.stringify(value) === text;
  if (!maySkip) new Scan(text).run();
  return value;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws ValidationError `JETFLEET_BODY_NOT_UTF8` */
export function decodeUtf8(data: Uint8Array): string {
  try {
    return utf8.decode(data);
  } catch (cause) {
    throw new ValidationError('JETFLEET_BODY_NOT_UTF8', 'the body is not valid UTF-8; send JSON as UTF-8', {
      cause,
    });
  }
}

interface Level {
  /** Keys of an object so far; undefined in an array. */
  keys: Set<string> | undefined;
}

/** Walks text that is known to be JSON. */
class Scan {
  readonly #text: string;
  readonly #path: PropertyKey[] = [];
  readonly #levels: Level[] = [];
  #at = 0;
  /** Whether the next string is a key. */
  #isKeyNext = false;

  constructor(text: string) {
    this.#text = text;
  }

  run(): void {
    const text = this.#text;
    while (this.#at < text.length) {
      const char = text[this.#at] as string;
      if (char === '"') this.#string();
      else if (char === '-' || (char >= '0' && char <= '9')) this.#number();
      else {
        this.#at++;
        if (char === '{') this.#open(new Set());
        else if (char === '[') this.#open(undefined);
        else if (char === '}' || char === ']') this.#close();
        else if (char === ',') this.#next();
      }
    }
  }

  #open(keys: Set<string> | undefined): void {
    this.#levels.push({ keys });
    this.#path.push(keys ? '' : 0);
    this.#isKeyNext = keys !== undefined;
  }

  #close(): void {
    this.#levels.pop();
    this.#path.pop();
    this.#isKeyNext = false;
  }

  #next(): void {
    const { keys } = this.#levels.at(-1) as Level;
    this.#isKeyNext = keys !== undefined;
    if (!keys) this.#path.push((this.#path.pop() as number) + 1);
  }

  #string(): void {
    const start = this.#at;
    let end = this.#text.indexOf('"', start + 1);
    while (isEscaped(this.#text, end)) end = this.#text.indexOf('"', end + 1);
    this.#at = end + 1;
    const raw = this.#text.slice(start, this.#at);
    const value = raw.includes('\\') ? (JSON.parse(raw) as string) : raw.slice(1, -1);
    if (!this.#isKeyNext) {
      if (!value.isWellFormed()) this.#refuse('has a lone surrogate, which UTF-8 cannot carry');
      return;
    }
    this.#isKeyNext = false;
    const { keys } = this.#levels.at(-1) as Level & { keys: Set<string> };
    this.#path[this.#path.length - 1] = value;
    const fault = keyFault(value);
    if (fault !== undefined) this.#refuse(fault);
    if (keys.has(value)) this.#refuse('comes twice, so that one of its values would be lost');
    keys.add(value);
  }

  #number(): void {
    NUMBER.lastIndex = this.#at;
    const [text = ''] = NUMBER.exec(this.#text) ?? [];
    this.#at += text.length;
    if (isExactNumber(text)) return;
    const shown = text.slice(0, EXCERPT_LENGTH);
    this.#refuse(`is ${shown}, which a JavaScript number would change; send it as a string`);
  }

  #refuse(message: string): never {
    const path = formatPath(this.#path).slice(0, MAX_PROBLEM_LENGTH);
    const told = message.slice(0, MAX_PROBLEM_LENGTH);
    throw new ValidationError('JETFLEET_BODY_INEXACT', `${path || 'the body'} ${told}`, {
      problems: [{ path, message: told }],
    });
  }
}

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** An odd number of backslashes stands before it. */
function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text[first - 1] === '\\') first--;
  return (at - first) % 2 === 1;
}

/** Whether the number, read and written again, is the same decimal number. */
function isExactNumber(text: string): boolean {
  if (text.length <= 15 && !/[eE]/.test(text)) return !/^-0(?:\.0*)?$/.test(text);
  const value = Number(text);
  if (!Number.isFinite(value) || Object.is(value, -0)) return false;
  return decimal(text) === decimal(String(value));
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
