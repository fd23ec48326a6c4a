/** Cron expressions and intervals as nats-server keeps them: six fields, seconds first, or `@every`. */
import { Cron } from 'croner';
import { ValidationError } from './errors.js';
import { quoted } from './excerpt.js';

/** When a schedule fires: by a cron expression, or at an interval. */
export interface ScheduleTiming {
  /** In six fields, seconds first, or a name such as `@daily`. */
  cron?: string;
  /** Of `cron`. Defaults to UTC. */
  timeZone?: string;
  everyMs?: number;
}

const NAMES = /^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$/;
/** What each field may hold: a list of `*`, a value or a range, each with a step where it is wanted. */
const NUMBERS = /^((\*|\?|\d{1,2}(-\d{1,2})?)(\/\d{1,2})?)(,(\*|\?|\d{1,2}(-\d{1,2})?)(\/\d{1,2})?)*$/;
const MONTH = /jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec/gi;
const DAY = /sun|mon|tue|wed|thu|fri|sat/gi;
const EVERY = '@every ';
const GO_UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * An expression of five or six fields as nats-server takes it.
 * @throws ValidationError `JETFLEET_CRON_INVALID`
 */
export function serverCron(text: unknown): string {
  const fields = typeof text === 'string' ? text.trim().split(/\s+/) : [];
  if (fields.length === 1 && NAMES.test(fields[0] ?? '')) return fields[0] as string;
  if (fields.length !== 5 && fields.length !== 6) {
    throw badCron(text, 'must have 5 fields, or 6 with seconds first, or be a name such as @daily');
  }
  const six = fields.length === 5 ? ['0', ...fields] : fields;
  for (const [at, field] of six.entries()) {
    const plain = at === 4 ? field.replaceAll(MONTH, '1') : at === 5 ? field.replaceAll(DAY, '1') : field;
    if (!NUMBERS.test(plain)) {
      throw badCron(
        text,
        `cannot have the field ${quoted(field)}; a field is a list of *, values, ranges and steps`,
      );
    }
  }
  // Sunday may be 7, which the server does not know.
  const days = (six[5] as string).split(',').map((part) => sundayAsZero(part, text));
  const pattern = [...six.slice(0, 5), days.join(',')].join(' ');
  try {
    if (nextOf(pattern, undefined, Date.now()) === undefined) throw new Error('it has no date');
  } catch (cause) {
    throw badCron(text, `cannot be used: ${(cause as Error).message.replace(/^CronPattern: /, '')}`, cause);
  }
  return pattern;
}

function sundayAsZero(part: string, text: unknown): string {
  if (part === '7') return '0';
  const range = /^(\w{1,3})-7(\/\d+)?$/.exec(part);
  if (!range) return part;
  if (range[2]) throw badCron(text, `cannot have the field ${quoted(part)}; name the days one by one`);
  return range[1] === '7' ? '0' : `${range[1]}-6,0`;
}

function badCron(text: unknown, why: string, cause?: unknown): ValidationError {
  return new ValidationError('JETFLEET_CRON_INVALID', `cron ${quoted(text)} ${why}`, { cause });
}

/**
 * An IANA time zone as nats-server spells it.
 * @throws ValidationError `JETFLEET_TIME_ZONE_UNKNOWN`
 */
export function checkedTimeZone(value: unknown): string {
  // An offset is known here, and not to the server.
  if (typeof value === 'string' && /^[A-Za-z][\w+/-]*$/.test(value)) {
    try {
      const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions();
      return timeZone.toLowerCase() === value.toLowerCase() ? timeZone : value;
    } catch {
      // It is told below.
    }
  }
  throw new ValidationError(
    'JETFLEET_TIME_ZONE_UNKNOWN',
    `timeZone ${quoted(value)} must be a name of the IANA database, such as Europe/Berlin or UTC`,
  );
}

/** `Nats-Schedule` of a timing. */
export function patternOf({ cron, everyMs }: ScheduleTiming): string {
  return cron ?? `${EVERY}${everyMs}ms`;
}

/** What a `Nats-Schedule` of anybody says; empty for what is no recurring one. */
export function timingOf(pattern: string, timeZone: string): ScheduleTiming {
  if (pattern === '' || pattern.startsWith('@at ')) return {};
  if (!pattern.startsWith(EVERY)) return { cron: pattern, ...(timeZone !== '' && { timeZone }) };
  const everyMs = goDurationMs(pattern.slice(EVERY.length));
  return everyMs === undefined ? {} : { everyMs };
}

/** `1h30m` in milliseconds; undefined for what Go would not take. */
function goDurationMs(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g))
    sum += Number(number) * (GO_UNITS_MS[unit ?? ''] ?? 0);
  return Math.round(sum);
}

/**
 * When a schedule fires first after `afterMs`. Undefined where that cannot be said.
 * @param sinceMs when an interval began: when it was set, or fired last
 */
export function nextTick(
  { cron, timeZone, everyMs }: ScheduleTiming,
  afterMs: number,
  sinceMs: number,
): number | undefined {
  if (everyMs) {
    // The server goes by whole seconds.
    const firstMs = Math.round(sinceMs / 1_000) * 1_000 + everyMs;
    return firstMs > afterMs ? firstMs : firstMs + Math.ceil((afterMs + 1 - firstMs) / everyMs) * everyMs;
  }
  return cron === undefined ? undefined : unlessUnknown(() => nextOf(cron, timeZone, afterMs));
}

/** When a cron expression has fired last, at `untilMs` or before. */
export function previousTick({ cron, timeZone }: ScheduleTiming, untilMs: number): number | undefined {
  if (cron === undefined) return undefined;
  return unlessUnknown(() =>
    cronOf(cron, timeZone)
      .previousRuns(1, new Date(untilMs + 1))[0]
      ?.getTime(),
  );
}

/** A schedule of anybody may have what only the server understands. */
function unlessUnknown(read: () => number | undefined): number | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function nextOf(cron: string, timeZone: string | undefined, afterMs: number): number | undefined {
  return cronOf(cron, timeZone).nextRun(new Date(afterMs))?.getTime();
}

// Only calculates: croner runs nothing without a function. It reads `?` as the present, and the server as any.
function cronOf(cron: string, timeZone = 'UTC'): Cron {
  return new Cron(cron.replaceAll('?', '*'), { timezone: timeZone, sloppyRanges: true });
}
