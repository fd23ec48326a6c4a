import { ApiErrors, type ErrorAnswer, type ProvenClass } from '../api/api-errors.js';

/**
 * The errors of Vast.ai, `{success: false, error, msg}` (https://github.com/vast-ai/docs at c624622, api-reference/openapi/yaml and
 * rate-limits-and-errors.mdx). `invalid_args` is left out: an offer that is gone has it too, and names `no_such_ask` in `msg` alone.
 */
export const vastErrors = new ApiErrors({
  names: {
    capacity: 'no_such_ask',
    balance: 'missing_billing insufficient_credit',
    auth: 'auth_error',
    validation: 'invalid_price no_ssh_key_for_vm label_too_long',
    quota: 'rate_limit_exceeded',
  },
  rateLimits: ['rate_limit_exceeded'],
  proves: ({ status, body }: ErrorAnswer): ProvenClass | undefined => {
    const { success, error } = (body ?? {}) as Record<string, unknown>;
    // The whole form of the API's own refusals: a router's `{error: "not_found"}` shows no absence.
    const isAbsence = error === 'no_such_instance' || error === 'not_found';
    return status === 404 && success === false && isAbsence ? 'not_found' : undefined;
  },
});
