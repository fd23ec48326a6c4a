import { type ErrorCode, JetfleetError, type JetfleetErrorOptions } from '../jobs/errors.js';

/**
 * What a failed provider call means for the caller.
 *
 * - `capacity`: nothing was made; another region or offer may do
 * - `quota`, `balance`, `auth`: nothing was made, and nothing will be until a person acts
 * - `validation`, `not_found`, `conflict`: nothing was made; the request is wrong
 * - `rate_limited`: nothing was made; wait `retryAfterMs`
 * - `transient`: a reading call failed; try again
 * - `ambiguous`: a changing call may or may not have been carried out; look before trying again
 */
export type ProviderErrorClass =
  | 'capacity'
  | 'quota'
  | 'balance'
  | 'auth'
  | 'validation'
  | 'not_found'
  | 'conflict'
  | 'rate_limited'
  | 'transient'
  | 'ambiguous';

const RETRYABLE: readonly ProviderErrorClass[] = ['capacity', 'rate_limited', 'transient', 'ambiguous'];

export class ProviderError extends JetfleetError {
  readonly class: ProviderErrorClass;
  /** HTTP status of the answer, where there was one. */
  readonly status?: number;

  constructor(
    errorClass: ProviderErrorClass,
    message: string,
    options: Omit<JetfleetErrorOptions, 'retryable'> & { status?: number } = {},
  ) {
    const code: ErrorCode = `JETFLEET_PROVIDER_${errorClass.toUpperCase() as Uppercase<ProviderErrorClass>}`;
    super(code, message, { ...options, retryable: RETRYABLE.includes(errorClass) });
    this.class = errorClass;
    if (options.status !== undefined) this.status = options.status;
  }
}
