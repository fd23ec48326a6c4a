/** Paths of files with secrets in them. */
import { ValidationError } from '../../jobs/errors.js';

const MAX_PATH_LENGTH = 4_096;
/** What people paste in the place of a path: PEM, a JWT, a seed of an nkey, also one that was cut or has a typing error. */
const CONTENTS = /-----|\beyJ[\w-]{12,}|^\s*S[A-Z2-7]{30,}\s*$|[\r\n\0]/i;

/**
 * Refuses what stands in the place of a path and may be the secret itself: an error or a log would show it.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`, without the value
 */
export function assertPath(name: string, value: unknown): asserts value is string {
  const isPath = typeof value === 'string' && value.length <= MAX_PATH_LENGTH && !CONTENTS.test(value);
  if (isPath) return;
  throw new ValidationError(
    'JETFLEET_OPTION_INVALID',
    `${name} must be the path of a file; it is not shown, since it may hold what the file should`,
  );
}
