/** How a job is kept to one: its unique key, or its debounce. */
import { invalidOption } from './errors.js';
import { excerptOf } from './excerpt.js';
import { toJobError } from './job-error.js';
import { MAX_DELAY_MS } from './limits.js';
import { checkInteger } from './numbers.js';
import { assertOptions, type OptionNames } from './options.js';

// biome-ignore lint/suspicious/noExplicitAny: a job that is added by the name of its type has a payload of any type
type AnyPayload = any;

/** A text, or what makes one of a payload. Never asynchronous. */
export type KeyOf<P = AnyPayload> = string | ((payload: P) => string);

/**
 * What happens when another job has the key:
 *
 * - `existing`: nothing is added, and the answer is the id of that job
 * - `reject`: nothing is added, and the call fails with `JETFLEET_UNIQUE_TAKEN`
 * - `replace`: that job is cancelled if it has not begun, and this one is added; one that runs stays, as with `existing`
 * - `cancel-running`: that job is cancelled, also while it runs, and this one is added
 */
export const ON_CONFLICT = ['existing', 'replace', 'reject', 'cancel-running'] as const;
export type OnConflict = (typeof ON_CONFLICT)[number];

/** One job of a type for each key. */
export interface UniqueOptions<P = AnyPayload> {
  /** 1 to 200 characters, or a function that makes them of the payload. */
  key: KeyOf<P>;
  /**
   * For how long the key is taken. `active`: until the job has ended. A number: for so many milliseconds from when the job was
   * added, at least 1,000 and at most 366 days, whatever becomes of it. Defaults to `active`.
   */
  for?: 'active' | number;
  /** Defaults to `existing`. */
  onConflict?: OnConflict;
}

/** One job for many calls: each call has it wait again, with the payload and options of that call. */
export interface DebounceOptions<P = AnyPayload> {
  /** 1 to 200 characters, or a function that makes them of the payload. */
  key: KeyOf<P>;
  /** The job starts once so many milliseconds have gone by without another call. At most 366 days. */
  delayMs: number;
  /** The job starts no later than this after its first call, however many follow. Defaults to no limit. */
  maxDelayMs?: number;
}

/** Until when a job holds its key: its end, the end of a period, or its start. */
export const UNIQUE_SCOPES = ['active', 'period', 'waiting'] as const;
export type UniqueScope = (typeof UNIQUE_SCOPES)[number];

/** The key of a job, as its record has it. */
export interface UniqueKey {
  key: string;
  scope: UniqueScope;
}

/** The key that a job asks for, with what to do where another one has it. */
export type CheckedUnique =
  | (UniqueKey & { scope: 'active'; onConflict: OnConflict })
  | (UniqueKey & { scope: 'period'; periodMs: number; onConflict: OnConflict })
  | (UniqueKey & { scope: 'waiting'; delayMs: number; maxDelayMs: number | undefined });

/** The options of a job that say whether it is kept to one; `false` switches off what its type says. */
export interface KeptToOne {
  unique?: UniqueOptions | false;
  debounce?: DebounceOptions | false;
}

const UNIQUE: OptionNames<Required<UniqueOptions>> = { key: true, for: true, onConflict: true };
const DEBOUNCE: OptionNames<Required<DebounceOptions>> = { key: true, delayMs: true, maxDelayMs: true };
/** The broker forgets a key no sooner than a second after it is told. */
const MIN_PERIOD_MS = 1_000;
const MAX_KEY_LENGTH = 200;

/**
 * What a job of a definition asks for, where neither the call nor its type says otherwise.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
export function checkKeptToOne(where: string, { unique, debounce }: KeptToOne): void {
  if (unique) checkUniqueOptions(where, unique);
  if (debounce) checkDebounceOptions(where, debounce);
  if (unique && debounce) throw invalidOption(`${where}unique and debounce exclude each other; give one`);
  for (const [name, value] of Object.entries({ unique, debounce })) {
    if (value === undefined || value === false || typeof value === 'object') continue;
    throw invalidOption(`${where}${name} must be an object or false, got ${excerptOf(value)}`);
  }
}

function checkUniqueOptions(where: string, unique: UniqueOptions): void {
  assertOptions(`${where}unique`, unique, UNIQUE);
  const { key, for: period = 'active', onConflict = 'existing' } = unique;
  assertKeyOf(`${where}unique.key`, key);
  if (period !== 'active') {
    if (typeof period !== 'number')
      throw invalidOption(
        `${where}unique.for ${excerptOf(period)} must be active or a number of milliseconds`,
      );
    checkInteger(`${where}unique.for`, period, MIN_PERIOD_MS, MAX_DELAY_MS);
  }
  if ((ON_CONFLICT as readonly unknown[]).includes(onConflict)) return;
  throw invalidOption(
    `${where}unique.onConflict ${excerptOf(onConflict)} must be one of ${ON_CONFLICT.join(', ')}`,
  );
}

function checkDebounceOptions(where: string, debounce: DebounceOptions): void {
  assertOptions(`${where}debounce`, debounce, DEBOUNCE);
  const { key, delayMs, maxDelayMs } = debounce;
  assertKeyOf(`${where}debounce.key`, key);
  if (delayMs === undefined) throw invalidOption(`${where}debounce needs delayMs`);
  checkInteger(`${where}debounce.delayMs`, delayMs, 1, MAX_DELAY_MS);
  checkInteger(`${where}debounce.maxDelayMs`, maxDelayMs, delayMs, MAX_DELAY_MS);
}

function assertKeyOf(name: string, key: unknown): void {
  if (typeof key !== 'function') assertKey(name, key);
}

function assertKey(name: string, key: unknown): asserts key is string {
  const isText = typeof key === 'string' && /^[^\p{Cc}\p{Cs}]+$/u.test(key) && key.length <= MAX_KEY_LENGTH;
  if (isText) return;
  throw invalidOption(
    `${name} ${excerptOf(key)} must be 1 to ${MAX_KEY_LENGTH} characters without control characters`,
  );
}

/**
 * The key that a job asks for. Options that a call gives come before those of the job's type, and are checked here.
 * @returns undefined for a job that is not kept to one
 * @throws ValidationError `JETFLEET_OPTION_INVALID`, also where the function of the key fails
 */
export function keptToOne(
  given: KeptToOne,
  ofType: KeptToOne | undefined,
  payload: unknown,
): CheckedUnique | undefined {
  const isGiven = given.unique !== undefined || given.debounce !== undefined;
  if (isGiven) checkKeptToOne('', given);
  const { unique, debounce } = isGiven ? given : (ofType ?? {});
  if (debounce) {
    const { delayMs, maxDelayMs } = debounce;
    return { key: keyOf('debounce.key', debounce.key, payload), scope: 'waiting', delayMs, maxDelayMs };
  }
  if (!unique) return undefined;
  const { for: period = 'active', onConflict = 'existing' } = unique;
  const key = keyOf('unique.key', unique.key, payload);
  if (period === 'active') return { key, scope: 'active', onConflict };
  return { key, scope: 'period', periodMs: period, onConflict };
}

function keyOf(name: string, key: KeyOf, payload: unknown): string {
  let made: unknown = key;
  if (typeof key === 'function') {
    try {
      made = key(payload);
    } catch (error) {
      throw invalidOption(`${name} failed: ${toJobError(error).message}`);
    }
  }
  assertKey(name, made);
  return made;
}
