import { ApiErrors, type ErrorAnswer, type ProvenClass } from '../api/api-errors.js';

/**
 * The codes of Lambda Cloud's `{error: {code, message, suggestion}}`, from its OpenAPI document
 * (https://cloud.lambda.ai/api/v1/openapi.json, 1.10.0, as generated clients repeat it). `provider/*` is a failure upstream.
 */
export const lambdaErrors = new ApiErrors({
  names: {
    not_found: 'global/object-does-not-exist',
    capacity: 'instance-operations/launch/insufficient-capacity',
    quota: 'global/quota-exceeded provider/quota-exceeded',
    auth: 'global/invalid-api-key global/account-inactive global/invalid-address global/forbidden',
    validation: `
      global/invalid-parameters instance-operations/launch/file-system-in-wrong-region
      instance-operations/launch/file-systems-not-supported
    `,
    conflict: 'global/conflict global/duplicate',
    failed: 'global/unknown global/internal-error provider/internal-unavailable',
  },
  proves: ({ kind, said, body }: ErrorAnswer): ProvenClass | undefined => {
    // A launch names what it lacks by the same code: an SSH key, a type. Nothing of an instance is absent then.
    if (kind === 'create' && said.name === 'global/object-does-not-exist') return 'validation';
    const { error } = (body ?? {}) as { error?: { code?: unknown } | null };
    const isUpstream = typeof error?.code === 'string' && error.code.startsWith('provider/');
    return said.name === undefined && isUpstream ? 'failed' : undefined;
  },
});
