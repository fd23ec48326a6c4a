import { ApiErrors, type ErrorAnswer, type ProvenClass } from '../api/api-errors.js';

/**
 * RunPod's errors are RFC 9457 documents, `{title, status, detail, errors?}`, without names of their own. The table of the
 * operation `createPod` (openapi.json of the API v2) gives each status its meaning: 422 breaks the contract, 402 is an
 * insufficient balance, 409 an action that the status of the pod does not allow.
 */
export const runpodErrors = new ApiErrors({ names: {}, proves: provenByProblem });

/**
 * "400 covers both 'your request breaks a rule' and 'no capacity'": only `detail` tells them apart, and no list of its wordings is
 * published. The same table says what to do: after a 400, and after a 403 ("your account cannot access the requested pool"), try the
 * next candidate; when all are refused, the last `detail` is the reason. A create is therefore refused for this offer alone, but
 * for an empty account. Where there is no next one, the words of a refusal for want of machines are taken for one.
 */
const NO_CAPACITY =
  /\b(capacity|availab\w*|unavailab\w*|in stock|out of stock|no longer any|no (machines?|instances?|gpus?|hosts?|resources?))\b/i;
const BALANCE = /\b(balance|funds|credits?)\b/i;
const QUOTA = /\b(quota|spend(ing)? limit|limit (of|reached|exceeded)|too many pods)\b/i;

function provenByProblem({ kind, status, body }: ErrorAnswer): ProvenClass | undefined {
  const { title, status: own, detail } = (body ?? {}) as Record<string, unknown>;
  const isProblem = typeof title === 'string' && typeof detail === 'string' && own === status;
  if (!isProblem) return undefined;
  // The form of the document is the provider's own word for an absence; a gateway's page or router has another.
  if (status === 404) return title === 'Not Found' ? 'not_found' : undefined;
  if (status === 409) return 'conflict';
  if (status === 422) return 'validation';
  if (status === 403 && kind === 'create') return 'capacity';
  if (status !== 400) return undefined;
  if (BALANCE.test(detail)) return 'balance';
  if (kind === 'create') return 'capacity';
  if (QUOTA.test(detail)) return 'quota';
  if (kind !== 'read' && NO_CAPACITY.test(detail)) return 'capacity';
  return 'validation';
}
