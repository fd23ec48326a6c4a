import type { ProviderErrorClass } from '../provider-error.js';

/**
 * What an unanswered call leaves behind: nothing (`read`), nothing that saying it again would worsen
 * (`repeatable`), or perhaps a second instance to pay for (`create`).
 */
export type CallKind = 'read' | 'repeatable' | 'create';

/**
 * Novita's error names that a GPU call can meet (https://novita.ai/docs/api-reference/basic-error-code, and those that
 * its console knows). `failed` is a failure of the provider itself. `UNKNOWN` is left out: it names nothing, so the status decides.
 */
const ERROR_NAMES = {
  not_found: 'RESOURCE_NOT_FOUND NOT_FOUNT',
  capacity: 'INSUFFICIENT_RESOURCE MIGRATE_INSUFFICIENT_RESOURCE CUDA_VERSION_INCOMPATIBLE',
  quota: `
    CREATE_INSTANCE_LIMIT CREATE_GPU_NUM_LIMIT OPERATION_LIMIT LIMIT_EXCEEDED_ERROR RATE_LIMIT_EXCEEDED
  `,
  balance: `
    BALANCE_NOT_ENOUGH EXPIRED_OR_BALANCE_NOT_ENOUGH DE_BALANCE_NOT_ENOUGH BILLING_BALANCE_NOT_ENOUGH
    NOT_ENOUGH_BALANCE LOW_BALANCE BUDGET_NOT_ENOUGH MEMBER_BUDGET_NOT_ENOUGH NOT_ENOUGH_BUDGET
  `,
  auth: `
    UNAUTHORIZED FORBIDDEN PERMISSION_DENIED NO_PERMISSION ACCESS_DENY INVALID_API_KEY MISSING_API_KEY
    AUTH_FAILED FAILED_TO_AUTH API_NOT_ALLOWED FEATURE_NOT_ALLOWED BILLING_AUTH_FAILED NEED_LOGIN
    NEED_REAL_NAME_VERIFY IDENTIFY_NOT_DONE INVALID_USER_TOKEN VERIFY_TOKEN_FAILED NOT_IN_TEAM
    BANNED_USER USER_IS_LOCKED USER_NOT_ACTIVATED
  `,
  validation: `
    VALIDATOR_PARAM VALIDATOR INVALID_REQUEST_BODY INVALID_PARAMS ILLEGAL_PARAMETERS
    INVALID_COMMAND_PARAM IMAGE_NOT_FOUND IMAGE_URL_OR_AUTH_ERROR IMAGE_TOO_LARGE TEMPLATE_NOT_FOUND
    TEMPLATE_IS_PRIVATE UNSUPPORTED_BILLING_MODE
  `,
  conflict: `
    CONFLICT DEPENDENT_RESOURCE_STATE PREPAID_INSTANCE_NOT_SUPPORT_RELEASE CLUSTER_STATUS NODE_STATUS
  `,
  failed: `
    HOST_UNAVAILABLE SERVICE_NOT_AVAILABLE SERVER_ERROR SERVICE_ERROR DB_ERROR INTERNAL BILLING_FAILED
    GET_USER_FAILED SEND_QUEUE_ERROR
  `,
} satisfies Partial<Record<ProviderErrorClass | 'failed', string>>;
type NamedClass = keyof typeof ERROR_NAMES;

const CLASS_BY_NAME: ReadonlyMap<string, NamedClass> = new Map(
  Object.entries(ERROR_NAMES).flatMap(([named, names]) =>
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, named as NamedClass] as const),
  ),
);

/** Whether a word names a failure, other than an absence. */
function namesFailure(word: string): boolean {
  return CLASS_BY_NAME.has(word) && CLASS_BY_NAME.get(word) !== 'not_found';
}

/** What an answer says about its own failure. */
export interface SaidError {
  /** The error in the API's words, where it gives one. */
  name?: string;
  /** What a person reads. */
  reason: string;
  /** Whether the answer has the form of the API's errors; a gateway's page has not. */
  isFromApi: boolean;
}

/** What a call without a usable answer proves: nothing. */
export function unanswered(kind: CallKind): ProviderErrorClass {
  return kind === 'create' ? 'ambiguous' : 'transient';
}

/**
 * What an error proves. The API's own name decides before the status, because Novita sends most of its errors as 400. What
 * has no known name may come from a gateway, and proves nothing about an instance: only a create that the API
 * itself refused is final.
 */
export function classify(kind: CallKind, status: number, { name, isFromApi }: SaidError): ProviderErrorClass {
  if (status === 429 && (name === undefined || name === 'RATE_LIMIT_EXCEEDED')) return 'rate_limited';
  const named = name === undefined ? undefined : CLASS_BY_NAME.get(name);
  if (named) return named === 'failed' ? unanswered(kind) : named;
  if (status === 401 || status === 403) return 'auth';
  if (status === 402) return 'balance';
  const isRefusal = status >= 400 && status < 500 && status !== 408 && status !== 425;
  if (kind !== 'create' || !isFromApi || !isRefusal) return unanswered(kind);
  return status === 409 ? 'conflict' : 'validation';
}

/** Fields of an error envelope whose whole value may be a name. Envelopes may be nested: `{error: {code}}`, `{errors: [{message}]}`. */
const NAME_FIELDS = ['reason', 'code', 'error'] as const;
const TEXT_FIELDS = ['message', 'msg', 'detail', 'details', 'error'] as const;
const MAX_DEPTH = 3;
const MAX_ERRORS = 10;

/**
 * The error that an answer holds. The API does not specify its envelope; seen are `{code, reason, message, metadata}`
 * and `{error: {...}}`. Absence is read from a field of its own alone, never from a sentence or from a page.
 * @param body the parsed JSON, undefined when the answer is none
 */
export function readError(body: unknown, text: string): SaidError {
  const names = collect(body, NAME_FIELDS);
  const texts = collect(body, TEXT_FIELDS);
  const reason = texts[0] ?? names[0] ?? (body === undefined ? text : '');
  const known = [...names.map(toName), nameInSentence(texts)].filter((name) => name !== undefined);
  // An answer that names another failure beside an absence contradicts itself, and shows no absence.
  const name = known.find(namesFailure) ?? known[0];
  return { ...(name && { name }), reason, isFromApi: names.length + texts.length > 0 };
}

/** Fields that only an error has, those that hold the status of an answer, and those that say whether it succeeded. */
const ERROR_FIELDS = ['reason', 'error', 'errors', 'err'] as const;
const STATUS_FIELDS = ['status', 'statusCode', 'status_code', 'httpStatus'] as const;
const SUCCESS_FIELDS = ['success', 'ok'] as const;

/**
 * Whether an answer of 2xx is an error all the same: some APIs and gateways put `{"code":500,"reason":"INTERNAL"}` into
 * a 200. None of the answers that are read has one of these fields, except `status`, which is a word there.
 */
export function isErrorEnvelope(body: unknown): boolean {
  if (!isObject(body)) return false;
  const { code } = body;
  const isFailureCode =
    code !== undefined && code !== null && !/^(0|2\d\d|ok|success)?$/i.test(spelled(code));
  return (
    isFailureCode ||
    ERROR_FIELDS.some((field) => isTold(body[field])) ||
    STATUS_FIELDS.some((field) => /^[3-9]\d\d$/.test(spelled(body[field]))) ||
    SUCCESS_FIELDS.some((field) => /^(false|0|no)$/i.test(spelled(body[field])))
  );
}

/**
 * Whether an answer carries a message that is more than a confirmation. Beside an empty list it explains why nothing
 * came, so the list does not show that nothing is there.
 */
export function hasMessage(body: Record<string, unknown>): boolean {
  const confirmed = /^\s*(ok|success(ful(ly)?)?|succeeded)?[.!]?\s*$/i;
  return TEXT_FIELDS.some((field) => isTold(body[field]) && !confirmed.test(spelled(body[field])));
}

/** A field's value as text; `String` would fail for `{"toString": 1}`, and for lists that are nested too deep. */
function spelled(value: unknown): string {
  return typeof value === 'object' && value !== null ? 'object' : String(value);
}

/** A field is not told by null, false, 0, and empty text or lists. */
function isTold(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}

/** A field's value as a known name. Other spellings count too, but absence is taken from the exact name alone. */
function toName(text: string): string | undefined {
  if (CLASS_BY_NAME.has(text)) return text;
  const spelled = text.toUpperCase().replaceAll('-', '_');
  return namesFailure(spelled) ? spelled : undefined;
}

/** A name inside a message has an underscore, so that a word in capitals is not taken for one. */
function nameInSentence(texts: readonly string[]): string | undefined {
  if (texts.some((text) => /\binvalid state change\b/i.test(text))) return 'CONFLICT';
  return texts.flatMap((text) => text.match(/\b[A-Z]+(?:_[A-Z]+)+\b/g) ?? []).find(namesFailure);
}

/** The strings of certain fields of an envelope, in the order of the fields; those of envelopes inside it last. */
function collect(body: unknown, fields: readonly string[], depth = 0): string[] {
  if (!isObject(body) || depth > MAX_DEPTH) return [];
  const own = fields.map((field) => body[field]).filter((value) => typeof value === 'string' && value !== '');
  const nested = [body.error, body.errors].flat().slice(0, MAX_ERRORS);
  return [...(own as string[]), ...nested.flatMap((each) => collect(each, fields, depth + 1))];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
