/** Signals: what somebody outside says to a job. */
import { invalidOption, ValidationError } from './errors.js';
import { decodeUtf8, parseExactJson } from './exact-json.js';
import { inexactIn } from './exact-value.js';
import { formatPath, quoted } from './excerpt.js';
import { MAX_DELAY_MS, MAX_SIGNAL_BYTES } from './limits.js';
import { checkInteger } from './numbers.js';
import { assertOptions, type OptionNames } from './options.js';
import { isShortName, SHORT_NAME } from './short-name.js';
import { assertPayloadDepth } from './validation.js';

export type { AwaitedGroup, AwaitedSignal, WaitsFor } from './waits-for.js';

/** How a job waits for a signal. */
export interface SignalOptions {
  /** How long to wait, in milliseconds from the first time on that the job comes to this wait; at most 366 days. Defaults to without end. */
  timeoutMs?: number;
}

const SIGNAL_OPTIONS: OptionNames<Required<SignalOptions>> = { timeoutMs: true };

/** @throws ValidationError `JETFLEET_SIGNAL_INVALID` */
export function assertSignalName(name: unknown): asserts name is string {
  if (isShortName(name)) return;
  throw new ValidationError(
    'JETFLEET_SIGNAL_INVALID',
    `the name of a signal, ${quoted(name)}, must be ${SHORT_NAME}`,
  );
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkSignalOptions(options: SignalOptions): void {
  assertOptions('options of waitForSignal', options, SIGNAL_OPTIONS);
  checkInteger('timeoutMs', options.timeoutMs, 1, MAX_DELAY_MS);
}

/** The data of a signal as JSON text. @throws ValidationError `JETFLEET_SIGNAL_INVALID` for what JSON does not carry unchanged */
export function signalText(data: unknown): string {
  const fault = inexactIn(data ?? null);
  if (fault === 'too deep' || fault === 'too large') throw invalidSignal(`is ${fault}`);
  if (fault !== undefined) throw invalidSignal(`${formatPath(fault.path)} ${fault.message}`.trim());
  const text = JSON.stringify(data ?? null);
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_SIGNAL_BYTES) throw invalidSignal(tooLong(bytes));
  return text;
}

export function tooLong(bytes: number): string {
  return `has ${bytes} bytes, the limit is ${MAX_SIGNAL_BYTES}; send a reference instead of the data`;
}

export function invalidSignal(why: string): ValidationError {
  return new ValidationError('JETFLEET_SIGNAL_INVALID', `the data of a signal ${why}`);
}

/** The data that anybody may have sent, the empty body being null; undefined where it is no JSON, and no job may be given it. */
export function readSignal(data: Uint8Array): { data: unknown } | undefined {
  if (data.length === 0) return { data: null };
  if (data.length > MAX_SIGNAL_BYTES) return undefined;
  try {
    const value = parseExactJson(decodeUtf8(data));
    assertPayloadDepth(value);
    return { data: value };
  } catch {
    return undefined;
  }
}

/** Most waits of one job that its record keeps something of. */
const MAX_WAITS = 256;

/** @throws ValidationError `JETFLEET_OPTION_INVALID` for one too many */
export function assertFewWaits(waits: Readonly<Record<string, string>>): void {
  if (Object.keys(waits).length < MAX_WAITS) return;
  throw invalidOption(
    `a job may come to at most ${MAX_WAITS} waits with a timeout or for children; snooze in between instead`,
  );
}
