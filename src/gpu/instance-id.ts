import { MAX_INSTANCE_ID_LENGTH } from '../jobs/limits.js';

/**
 * Whether a provider's id of an instance can be stored in a job and sent back unchanged: 1 to 200 characters, not only
 * blanks, without control characters, lone surrogates, and U+FFFD, which stands for bytes that were no UTF-8. Any other
 * id would name no instance, and what it was given for could be neither watched nor deleted.
 */
export function isInstanceId(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length <= MAX_INSTANCE_ID_LENGTH &&
    value.isWellFormed() &&
    /\S/.test(value) &&
    !/[\p{Cc}\uFFFD]/u.test(value)
  );
}
