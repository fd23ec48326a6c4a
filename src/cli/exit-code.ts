import { CommanderError } from 'commander';
import { JetfleetError, type Problem, ValidationError } from '../jobs/errors.js';

/**
 * What the process ends with; 69 is `EX_UNAVAILABLE` of sysexits.h, 124 is what `timeout` ends with, and the last two are what a shell reports of a
 * process that a signal ended. docs/guides/command-line.md explains each.
 */
export const ExitCode = {
  OK: 0,
  FAILURE: 1,
  USAGE: 2,
  NOT_FOUND: 3,
  CONFLICT: 4,
  UNREACHABLE: 69,
  TIMED_OUT: 124,
  INTERRUPTED: 130,
  TERMINATED: 143,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

const CODES: Readonly<Record<string, ExitCode>> = {
  JETFLEET_OPTION_INVALID: ExitCode.USAGE,
  JETFLEET_NOT_FOUND: ExitCode.NOT_FOUND,
  JETFLEET_NO_STREAM: ExitCode.NOT_FOUND,
  JETFLEET_MACHINE_NOT_FOUND: ExitCode.NOT_FOUND,
  JETFLEET_CONFLICT: ExitCode.CONFLICT,
  JETFLEET_ID_TAKEN: ExitCode.CONFLICT,
  JETFLEET_UNIQUE_TAKEN: ExitCode.CONFLICT,
  JETFLEET_TYPE_UNKNOWN: ExitCode.CONFLICT,
  JETFLEET_VERSION_MISMATCH: ExitCode.CONFLICT,
  JETFLEET_STREAM_DRIFT: ExitCode.CONFLICT,
  JETFLEET_BROKER_UNREACHABLE: ExitCode.UNREACHABLE,
  JETFLEET_NO_LEADER: ExitCode.UNREACHABLE,
  JETFLEET_READ_TIMEOUT: ExitCode.UNREACHABLE,
  JETFLEET_OUTBOX_TABLE: ExitCode.NOT_FOUND,
  JETFLEET_OUTBOX_UNREACHABLE: ExitCode.UNREACHABLE,
  JETFLEET_WAIT_TIMEOUT: ExitCode.TIMED_OUT,
  JETFLEET_PUBLISH_TIMEOUT: ExitCode.TIMED_OUT,
};

/** The command was called in a way that cannot work; ends with 2. */
export function usageError(message: string, code = 'JETFLEET_OPTION_INVALID'): ValidationError {
  return new ValidationError(code, message);
}

export interface Report {
  exitCode: ExitCode;
  code: string;
  message: string;
  problems?: Problem[];
}

/** How to report what a command threw. Wrong input is a usage error wherever it was noticed. */
export function reportOf(thrown: unknown): Report {
  if (thrown instanceof CommanderError) {
    const message = thrown.message.replace(/^error: /, '');
    return { exitCode: ExitCode.USAGE, code: 'JETFLEET_OPTION_INVALID', message };
  }
  if (JetfleetError.is(thrown)) {
    const { code, message, problems, retryable } = thrown;
    const fallback = thrown instanceof ValidationError ? ExitCode.USAGE : ExitCode.FAILURE;
    // A stream that cannot be made now, for want of room say, is not at the wrong place.
    const known = code === 'JETFLEET_NO_STREAM' && retryable ? undefined : CODES[code];
    return { exitCode: known ?? fallback, code, message, ...(problems && { problems }) };
  }
  const message = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  return { exitCode: ExitCode.FAILURE, code: 'JETFLEET_FAILED', message };
}
