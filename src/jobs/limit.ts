import { JetfleetError, ValidationError } from './errors.js';
import { excerptOf, quoted } from './excerpt.js';
import { checkInteger } from './numbers.js';
import { assertObject, assertOptions, checkBoolean, type OptionNames } from './options.js';
import type { LimitSettings, RateLimit } from './shown-limit.js';

export type { LimitSettings, RateLimit };

type NameOf<P> = { name(payload: P): string }['name'];
type KeyOf<P> = { key(payload: P): string | number | boolean | null | undefined }['key'];

/** A limit for the jobs of a type, across all workers. */
export interface JobLimit<P = unknown> extends LimitSettings {
  /**
   * What shares permits: a field of the payload (`tenant`, `account.region`), or a function of the payload. A job of which it is
   * missing, null or undefined is not limited by this. Exactly one of `key` and `per` is given.
   */
  key?: string | KeyOf<P>;
  /** One key for all jobs of the type, or for those of all types that say so. */
  per?: 'type' | 'queue';
  /**
   * Limits of one name and key share their permits, also those of other types and `job.limit('<name>:<key>', ...)`. 1 to 64 of
   * `[A-Za-z0-9_/-]`. Defaults to `<type>/<field>`, `<type>/<place>` for a function, `<type>` or `queue`. As a function of the payload, each
   * name is a limit of its own, with its own settings.
   */
  name?: string | NameOf<P>;
  /**
   * Whether an error with `retryAfterMs`, such as a provider's 429 with `Retry-After`, closes the key until then. Defaults to true where it is
   * the only limit of the job that has a key. `{ maxMs }` closes it for so long at most; the job itself waits as long as it was asked to.
   */
  retryAfter?: boolean | { maxMs: number };
}

/** Whose turn it is among jobs that wait for the same permit with the same priority. */
export type Fairness = 'round-robin' | 'fifo' | { weights: Readonly<Record<string, number>> };

/** The limits of a type, checked. */
export interface CheckedLimits {
  limits: readonly CheckedLimit[];
  fairness: Fairness;
}

interface CheckedLimit extends LimitSettings {
  name: string | NameOf<unknown>;
  keyOf: (payload: unknown) => unknown;
  /** Whether its key says whose turn it is. */
  isKeyed: boolean;
  /** For how long a `Retry-After` closes its key at most: 0 for never, infinity for as long as was asked. */
  heedsMs: number;
}

/** A permit that a job needs. */
export interface NeededPermit extends LimitSettings {
  name: string;
  key: string;
  heedsMs?: number;
  /** Of which setting it knows, by its sequence; absent where nobody has set the limit. */
  setAt?: number;
}

const LIMIT: OptionNames<Required<JobLimit>> = {
  key: true,
  per: true,
  name: true,
  concurrency: true,
  rate: true,
  retryAfter: true,
};
const SETTINGS: OptionNames<Required<LimitSettings>> = { concurrency: true, rate: true };
const RETRY_AFTER: OptionNames<{ maxMs: number }> = { maxMs: true };
const RATE: OptionNames<RateLimit> = { max: true, perMs: true };
const MAX_LIMITS = 8;
/**
 * All permits of a key, and the turns in line for them, are one message of at most 1 MB. A permit takes 170 to 380 bytes of it with the
 * ids of jobs and workers that are usual or long, and 1,000 turns take some 100 KB.
 */
export const MAX_CONCURRENCY = 2_000;
const MAX_KEY_LENGTH = 200;
const MAX_WEIGHT = 1_000;
const NAME = /^[A-Za-z0-9_/-]{1,64}$/;
const FIELD = /^[^.\p{Cc}]+(\.[^.\p{Cc}]+)*$/u;
/** The key of a limit that is not by key. */
export const ALL = 'all';

/** @throws ValidationError `JETFLEET_LIMIT_INVALID` */
export function checkedLimits(type: string, limits: unknown, fairness?: unknown): CheckedLimits | undefined {
  const turns = checkedFairness(type, fairness);
  if (limits === undefined) {
    if (fairness === undefined) return undefined;
    throw invalidLimit(`fairness of ${type} needs limits: it says whose turn it is when a permit is free`);
  }
  if (!Array.isArray(limits) || limits.length === 0 || limits.length > MAX_LIMITS)
    throw invalidLimit(`limits of ${type} must be a list of 1 to ${MAX_LIMITS}, got ${excerptOf(limits)}`);
  const keyed = limits.filter((limit) => Object(limit).key !== undefined).length;
  const checked = limits.map((limit, place) => checkedLimit(type, limit as JobLimit, place, keyed === 1));
  return { limits: checked, fairness: turns };
}

function checkedLimit(type: string, limit: JobLimit, place: number, isOnlyKeyed: boolean): CheckedLimit {
  const what = `limits[${place}] of ${type}`;
  asLimit(() => assertOptions(what, limit, LIMIT));
  const { key, per, retryAfter } = limit;
  if ((key === undefined) === (per === undefined))
    throw invalidLimit(
      `${what} needs a key (a field of the payload, or a function of it), or per: 'type' or 'queue'`,
    );
  if (per !== undefined && per !== 'type' && per !== 'queue')
    throw invalidLimit(`${what}: per must be type or queue, got ${excerptOf(per)}`);
  if (key !== undefined && typeof key !== 'function' && !(typeof key === 'string' && FIELD.test(key)))
    throw invalidLimit(
      `${what}: key must be a field such as tenant or account.region, or a function, got ${excerptOf(key)}`,
    );
  asLimit(() => checkRetryAfter(`${what}: retryAfter`, retryAfter));
  const settings = checkedSettings(what, limit);
  const ofType =
    typeof key === 'string' ? `${type}/${key.replaceAll(/[^A-Za-z0-9_-]/g, '-')}` : `${type}/${place + 1}`;
  const name = limit.name ?? (per === 'queue' ? 'queue' : per === 'type' ? type : ofType.slice(0, 64));
  if (typeof name !== 'function') checkLimitName(what, name);
  return {
    ...settings,
    name: name as CheckedLimit['name'],
    isKeyed: key !== undefined,
    heedsMs: heedsMsOf(retryAfter ?? (key !== undefined && isOnlyKeyed)),
    keyOf: typeof key === 'function' ? (key as KeyOf<unknown>) : key === undefined ? () => ALL : fieldOf(key),
  };
}

function checkRetryAfter(what: string, retryAfter: JobLimit['retryAfter']): void {
  if (typeof retryAfter !== 'object') {
    checkBoolean(what, retryAfter);
    return;
  }
  assertOptions(what, retryAfter, RETRY_AFTER);
  checkInteger(`${what}.maxMs`, retryAfter.maxMs ?? null, 1);
}

function heedsMsOf(retryAfter: boolean | { maxMs: number }): number {
  if (typeof retryAfter === 'object') return retryAfter.maxMs;
  return retryAfter ? Number.POSITIVE_INFINITY : 0;
}

/** @throws ValidationError `JETFLEET_LIMIT_INVALID` */
export function checkedSettings(what: string, { concurrency, rate }: LimitSettings): LimitSettings {
  return asLimit(() => {
    if (concurrency === undefined && rate === undefined)
      throw invalidLimit(`${what} needs concurrency, such as 3, or rate, such as { max: 100, perMs: 60000 }`);
    checkInteger(`${what}: concurrency`, concurrency, 1, MAX_CONCURRENCY);
    if (rate !== undefined) {
      assertOptions(`${what}: rate`, rate, RATE);
      checkInteger(`${what}: rate.max`, rate.max ?? null, 1, 100_000);
      checkInteger(`${what}: rate.perMs`, rate.perMs ?? null, 100, 7 * 24 * 60 * 60 * 1_000);
    }
    return {
      ...(concurrency !== undefined && { concurrency }),
      ...(rate !== undefined && { rate: { max: rate.max, perMs: rate.perMs } }),
    };
  });
}

/** What a worker says of limits, checked. @throws ValidationError `JETFLEET_LIMIT_INVALID` */
export function namedLimits(
  limits: Readonly<Record<string, LimitSettings>> = {},
): Map<string, LimitSettings> {
  asLimit(() => assertObject('limits', limits));
  return new Map(
    Object.entries(limits).map(([name, settings]) => {
      checkLimitName('limits', name);
      return [name, givenSettings(`limits.${name}`, settings)];
    }),
  );
}

/** What somebody says of a limit, checked with its names. @throws ValidationError `JETFLEET_LIMIT_INVALID` */
export function givenSettings(what: string, settings: LimitSettings): LimitSettings {
  asLimit(() => assertOptions(what, settings, SETTINGS));
  return checkedSettings(what, settings);
}

export function checkLimitName(what: string, name: unknown): asserts name is string {
  if (typeof name === 'string' && NAME.test(name)) return;
  throw invalidLimit(`${what}: name ${excerptOf(name)} must be 1 to 64 of A-Z a-z 0-9 _ / -`);
}

function checkedFairness(type: string, fairness: unknown): Fairness {
  if (fairness === undefined || fairness === 'round-robin') return 'round-robin';
  if (fairness === 'fifo') return fairness;
  const weights = (Object(fairness) as { weights?: unknown }).weights;
  if (typeof weights !== 'object' || weights === null)
    throw invalidLimit(
      `fairness of ${type} must be round-robin, fifo or { weights }, got ${excerptOf(fairness)}`,
    );
  for (const [key, weight] of Object.entries(weights)) {
    if (typeof weight === 'number' && weight > 0 && weight <= MAX_WEIGHT) continue;
    throw invalidLimit(
      `fairness of ${type}: the weight of ${quoted(key)} must be over 0 and at most ${MAX_WEIGHT}, got ${excerptOf(weight)}`,
    );
  }
  return { weights: { ...(weights as Record<string, number>) } };
}

/** A name and a key from `novita:account-1`; without a colon there is one key for all. */
export function parseLimitName(text: unknown): { name: string; key: string } {
  if (typeof text !== 'string')
    throw invalidLimit(`the name of a limit must be a text such as novita:account-1, got ${excerptOf(text)}`);
  const at = text.indexOf(':');
  const name = at < 0 ? text : text.slice(0, at);
  checkLimitName('limit', name);
  return { name, key: checkedKey(name, at < 0 ? ALL : text.slice(at + 1)) };
}

/**
 * The permits that a job needs, and whose turn it takes.
 * @throws ValidationError `JETFLEET_LIMIT_INVALID` where a key function throws, or gives what is no key
 */
export function permitsOf(
  { limits, fairness }: CheckedLimits,
  payload: unknown,
): { needs: NeededPermit[]; turn: string; weight: number } {
  const needs = new Map<string, NeededPermit>();
  let turn = ALL;
  for (const { name: named, keyOf, isKeyed, concurrency, rate, heedsMs } of limits) {
    const given = keyGiven(named, keyOf, payload);
    if (given === undefined || given === null) continue;
    const name = typeof named === 'function' ? nameGiven(named, payload) : named;
    const key = checkedKey(name, given);
    if (isKeyed && turn === ALL) turn = key;
    const id = `${name} ${key}`;
    const same = needs.get(id);
    needs.set(id, {
      name,
      key,
      ...same,
      ...(concurrency !== undefined && {
        concurrency: Math.min(concurrency, same?.concurrency ?? concurrency),
      }),
      ...(rate !== undefined && { rate }),
      heedsMs: Math.max(heedsMs, same?.heedsMs ?? 0),
    });
  }
  const weight =
    typeof fairness === 'object' && Object.hasOwn(fairness.weights, turn)
      ? (fairness.weights[turn] as number)
      : 1;
  return { needs: [...needs.values()], turn: fairness === 'fifo' ? ALL : turn, weight };
}

function keyGiven(
  name: CheckedLimit['name'],
  keyOf: (payload: unknown) => unknown,
  payload: unknown,
): unknown {
  const what = typeof name === 'function' ? 'the key of a limit' : `the key of limit ${name}`;
  return ofPayload(what, keyOf, payload);
}

function nameGiven(nameOf: NameOf<unknown>, payload: unknown): string {
  const name = ofPayload('the name of a limit', nameOf, payload);
  checkLimitName('limit', name);
  return name;
}

function ofPayload<T>(what: string, call: (payload: unknown) => T, payload: unknown): T {
  try {
    return call(payload);
  } catch (cause) {
    throw new ValidationError('JETFLEET_LIMIT_INVALID', `${what} threw: ${excerptOf(cause)}`, { cause });
  }
}

function checkedKey(name: string, key: unknown): string {
  const text = typeof key === 'string' || typeof key === 'boolean' || Number.isFinite(key) ? String(key) : '';
  if (text !== '' && text.length <= MAX_KEY_LENGTH && !/\p{Cc}/u.test(text)) return text;
  throw invalidLimit(
    `a key of limit ${name} must be a text of 1 to ${MAX_KEY_LENGTH} characters, a number or a boolean, got ${excerptOf(key)}`,
  );
}

function fieldOf(path: string): (payload: unknown) => unknown {
  const steps = path.split('.');
  return (payload) =>
    steps.reduce<unknown>((value, step) => {
      const isOwn = typeof value === 'object' && value !== null && Object.hasOwn(value, step);
      return isOwn ? (value as Record<string, unknown>)[step] : undefined;
    }, payload);
}

export function invalidLimit(message: string): ValidationError {
  return new ValidationError('JETFLEET_LIMIT_INVALID', message);
}

/** A wrong option of a limit has the code of limits. */
function asLimit<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw JetfleetError.is(error, 'JETFLEET_OPTION_INVALID') ? invalidLimit(error.message) : error;
  }
}
