/** Text from outside, cut to a length that a message, a record or a screen has room for. */
import { EXCERPT_LENGTH } from './limits.js';

/** At most `max` characters of a text, without half a character at the cut. */
export function beginningOf(text: string, max: number): string {
  return text.length <= max ? text : text.slice(0, max).replace(/[\uD800-\uDBFF]$/, '');
}

/** At most `max` characters of a text, and `…` where it goes on. Half characters are replaced: other languages refuse such JSON. */
export function clip(text: string, max: number): string {
  return (text.length > max ? `${text.slice(0, max)}…` : text).toWellFormed();
}

/** A text in at most `width` characters, the last of them `…` where it goes on. */
export function clipTo(text: string, width: number): string {
  return text.length <= width ? text : clip(text, Math.max(width - 1, 0));
}

/** The beginning of a value as text, for error reports. Never throws. */
export function excerptOf(value: unknown): string {
  try {
    const isJson = typeof value === 'object' && value !== null;
    return beginningOf(isJson ? (JSON.stringify(value) ?? '') : String(value), EXCERPT_LENGTH);
  } catch {
    return '[unprintable]';
  }
}

/** As {@link excerptOf}, a string in quotation marks. */
export function quoted(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(excerptOf(value)) : excerptOf(value);
}

/** `['regions', 0, 'name']` as `regions[0].name`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text ? `${text}.${String(key)}` : String(key);
  }, '');
}
