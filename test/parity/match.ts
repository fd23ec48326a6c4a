/** Compares what was said about a job with what a vector expects. */
import { isDeepStrictEqual } from 'node:util';
import type { Expected } from './vector.js';
import type { Entry } from './wire-log.js';

/** What placeholders stand for. */
export type Names = Readonly<Record<string, string | number>>;

/** `$name`, and in a text also `$(name)`, by what is known. */
export function filled(value: unknown, names: Names): unknown {
  if (typeof value === 'string') {
    const whole = /^\$([A-Za-z]+)$/.exec(value)?.[1];
    if (whole !== undefined && whole in names) return names[whole];
    return value.replaceAll(/\$\(?([A-Za-z]+)\)?/g, (text, name: string) => String(names[name] ?? text));
  }
  if (Array.isArray(value)) return value.map((each) => filled(each, names));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, filled(each, names)]));
}

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** @returns where the two differ, or undefined */
function fault(actual: unknown, expected: unknown, at: string): string | undefined {
  const differs = `${at} is ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`;
  if (expected === '$any') return actual === undefined ? differs : undefined;
  if (expected === '$none') return actual === undefined ? undefined : differs;
  if (expected === '$time') return typeof actual === 'string' && TIME.test(actual) ? undefined : differs;
  if (expected === '$seq') return Number.isInteger(actual) && Number(actual) > 0 ? undefined : differs;
  if (typeof expected !== 'object' || expected === null || Array.isArray(expected))
    return isDeepStrictEqual(actual, expected) ? undefined : differs;
  if (typeof actual !== 'object' || actual === null) return differs;
  for (const [key, each] of Object.entries(expected)) {
    const found = fault((actual as Record<string, unknown>)[key], each, `${at}.${key}`);
    if (found) return found;
  }
  return undefined;
}

/** @returns how the log of a job differs from what is expected, or undefined */
export function difference(
  entries: readonly Entry[],
  expected: readonly Expected[],
  names: Names,
): string | undefined {
  let known = names;
  for (const [index, want] of expected.entries()) {
    const entry = entries[index];
    if (!entry) return `nothing was said at ${index}, expected ${JSON.stringify(want)}`;
    const found = faultOf(entry, want, known, `${index}`);
    if (found) return found;
    if (entry.kind === 'record') known = { ...known, ...timesOf(entry.record) };
  }
  const more = entries[expected.length];
  return more && `more was said than expected: ${JSON.stringify(more)}`;
}

function faultOf(entry: Entry, want: Expected, names: Names, at: string): string | undefined {
  if ('record' in want) {
    if (entry.kind !== 'record') return `${at}: ${JSON.stringify(entry)} is no record`;
    const found = fault(entry.record, filled(want.record, names), `${at}: record`);
    return found ?? waitFault(entry.record, want.waitsMs, at);
  }
  if ('publish' in want) {
    if (entry.kind !== 'publish') return `${at}: ${JSON.stringify(entry)} is no timer`;
    const { subject, headers } = entry;
    return fault({ subject, headers }, filled({ subject: want.publish, headers: want.headers }, names), at);
  }
  return entry.kind === 'answer' && entry.body === want.answer
    ? undefined
    : `${at}: ${JSON.stringify(entry)} is no ${want.answer}`;
}

function waitFault(
  { nextRunAt = '', updatedAt }: { nextRunAt?: string; updatedAt: string },
  range: readonly [number, number] | undefined,
  at: string,
): string | undefined {
  if (!range) return undefined;
  const [least, most] = range;
  const ms = Date.parse(nextRunAt) - Date.parse(updatedAt);
  return ms >= least && ms <= most ? undefined : `${at}: waits for ${ms} ms, expected ${least} to ${most}`;
}

function timesOf({ nextRunAt, createdAt }: { nextRunAt?: string; createdAt: string }): Names {
  return { createdAt, ...(nextRunAt !== undefined && { nextRunAt }) };
}
