import type { ProviderErrorClass } from '../provider-error.js';

/**
 * What an unanswered call leaves behind: nothing (`read`), nothing that saying it again would worsen
 * (`repeatable`), or perhaps a second instance to pay for (`create`).
 */
export type CallKind = 'read' | 'repeatable' | 'create';

/** What an error proves; `failed` is a failure of the provider itself, which proves nothing. */
export type ProvenClass = ProviderErrorClass | 'failed';

/** What an answer says about its own failure. */
export interface SaidError {
  /** The error in the API's words, where it gives one. */
  name?: string;
  /** Whether a sentence holds the name, and no field of its own. */
  isFromSentence?: boolean;
  /** What a person reads. */
  reason: string;
  /** Whether the answer has the form of an API's errors; a gateway's page has not. */
  isFromApi: boolean;
}

/** An answer that is an error, as far as its meaning goes. */
export interface ErrorAnswer {
  kind: CallKind;
  status: number;
  /** The parsed JSON, undefined when the answer is none. */
  body: unknown;
  said: SaidError;
}

export interface ApiErrorsOptions {
  /** The API's own names of errors by what they prove, separated by white space. An absence is read from these exact names alone. */
  names: Partial<Record<ProvenClass, string>>;
  /** Names that are `rate_limited` with status 429, whatever they are without it. */
  rateLimits?: readonly string[];
  /** What an answer proves that names nothing, and first of all; undefined leaves it to names and status. */
  proves?: (answer: ErrorAnswer) => ProvenClass | undefined;
  /** The name that a sentence stands for. */
  nameOf?: (sentence: string) => string | undefined;
}

/** What a call without a usable answer proves: nothing. */
export function unanswered(kind: CallKind): ProviderErrorClass {
  return kind === 'create' ? 'ambiguous' : 'transient';
}

/** Fields of an error envelope whose whole value may be a name. Envelopes may be nested: `{error: {code}}`, `{errors: [{message}]}`. */
const NAME_FIELDS = ['reason', 'code', 'error'] as const;
const TEXT_FIELDS = ['message', 'msg', 'detail', 'details', 'error'] as const;
const MAX_DEPTH = 3;
const MAX_ERRORS = 10;

/**
 * Reads the errors of one API. Its own names decide before the status. What has no known name may come from a gateway, and
 * proves nothing about an instance: only a create that an API itself refused is final.
 */
export class ApiErrors {
  readonly #options: ApiErrorsOptions;
  readonly #byName: ReadonlyMap<string, ProvenClass>;
  readonly #bySpelling: ReadonlyMap<string, string>;

  constructor(options: ApiErrorsOptions) {
    this.#options = options;
    const classes = Object.entries(options.names) as [ProvenClass, string][];
    this.#byName = new Map(
      classes.flatMap(([proven, names]) => wordsOf(names).map((name) => [name, proven] as const)),
    );
    this.#bySpelling = new Map([...this.#byName.keys()].map((name) => [spelling(name), name]));
  }

  /**
   * The error that an answer holds. The envelopes of APIs differ, and few are specified. Absence is read from a field of its
   * own alone, never from a sentence or from a page.
   * @param body the parsed JSON, undefined when the answer is none
   */
  read(body: unknown, text: string): SaidError {
    const names = collect(body, NAME_FIELDS);
    const texts = collect(body, TEXT_FIELDS);
    const reason = texts[0] ?? names[0] ?? (body === undefined ? text : '');
    const fields = names.map((each) => this.#toName(each)).filter((name) => name !== undefined);
    const known = [...fields, this.#nameInSentence(texts)].filter((name) => name !== undefined);
    // An answer that names another failure beside an absence contradicts itself, and shows no absence.
    const name = known.find((each) => this.#namesFailure(each)) ?? known[0];
    const isFromApi = names.length + texts.length > 0;
    if (name === undefined) return { reason, isFromApi };
    return { name, isFromSentence: !fields.includes(name), reason, isFromApi };
  }

  /** What an error proves. */
  classify(answer: ErrorAnswer): ProviderErrorClass {
    const { kind, status, body, said } = answer;
    const { name, isFromApi } = said;
    // A refusal that names an instance contradicts itself, and the sentence of a server that failed is not its verdict.
    const isUnclear = namesInstance(body) || (status >= 500 && said.isFromSentence === true);
    if (kind === 'create' && isUnclear) return unanswered(kind);
    if (status === 429 && (name === undefined || this.#options.rateLimits?.includes(name))) {
      return 'rate_limited';
    }
    const proven =
      this.#options.proves?.(answer) ?? (name === undefined ? undefined : this.#byName.get(name));
    if (proven) return proven === 'failed' ? unanswered(kind) : proven;
    if (status === 401 || status === 403) return 'auth';
    if (status === 402) return 'balance';
    const isRefusal = status >= 400 && status < 500 && status !== 408 && status !== 425;
    if (kind !== 'create' || !isFromApi || !isRefusal) return unanswered(kind);
    return status === 409 ? 'conflict' : 'validation';
  }

  /** Whether a word names a failure, other than an absence. */
  #namesFailure(word: string): boolean {
    return this.#byName.has(word) && this.#byName.get(word) !== 'not_found';
  }

  /** A field's value as a known name. Other spellings count too, but absence is taken from the exact name alone. */
  #toName(text: string): string | undefined {
    if (this.#byName.has(text)) return text;
    const name = this.#bySpelling.get(spelling(text));
    return name !== undefined && this.#namesFailure(name) ? name : undefined;
  }

  /** A name inside a message has an underscore, so that a single word is not taken for one. */
  #nameInSentence(texts: readonly string[]): string | undefined {
    const named = texts.map((text) => this.#options.nameOf?.(text)).find((name) => name !== undefined);
    if (named !== undefined) return named;
    const words = texts.flatMap((text) => text.match(/\b[A-Za-z]+(?:_[A-Za-z]+)+\b/g) ?? []);
    return words.find((word) => this.#namesFailure(word));
  }
}

function wordsOf(names: string): string[] {
  return names.trim().split(/\s+/).filter(Boolean);
}

function spelling(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}

/** Fields in which the APIs name what a create has made, and those that hold the instance with its own. */
const ID_FIELDS = ['id', 'instanceId', 'instance_id', 'instance_ids', 'new_contract'] as const;
const INSTANCE_FIELDS = ['data', 'instance', 'pod'] as const;

function namesInstance(body: unknown): boolean {
  if (!isObject(body)) return false;
  const holders = [body, ...INSTANCE_FIELDS.map((field) => body[field])].filter(isObject);
  return holders.some((holder) => ID_FIELDS.some((field) => isTold(holder[field])));
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

/** Fields by which APIs lead to the rest of a list, and those that count all of it; some put them into an object beside the list. */
const REST_FIELDS =
  /^(next|cursor|next_?(page|cursor|token|page_?token)|page_?token|after_?token|has_?(more|next|next_?page))$/i;
const TOTAL_FIELDS = /^(total|total_?(count|items|instances|results|elements)|count)$/i;

/**
 * Whether an answer shows a part of a list alone, by what it says beside its `shown` elements. For an API whose list is one
 * answer: should it begin to give pages, what is on the others must not pass for absent.
 */
export function isPartOfList(body: Record<string, unknown>, shown: number): boolean {
  const beside = [body, ...Object.values(body).filter(isObject)].flatMap((each) => Object.entries(each));
  return beside.some(
    ([field, value]) =>
      (REST_FIELDS.test(field) && isTold(value)) || (TOTAL_FIELDS.test(field) && Number(value) > shown),
  );
}

/** The status that an error inside a 200 gives itself: `{"code":429}`. */
export function statusIn(body: unknown): number | undefined {
  const { code } = (body ?? {}) as { code?: unknown };
  const status = typeof code === 'string' || typeof code === 'number' ? Number(code) : Number.NaN;
  return Number.isInteger(status) && status >= 300 && status <= 599 ? status : undefined;
}

/** A field's value as text; `String` would fail for `{"toString": 1}`, and for lists that are nested too deep. */
function spelled(value: unknown): string {
  return typeof value === 'object' && value !== null ? 'object' : String(value);
}

/** A field is not told by null, false, 0, and empty text or lists. */
function isTold(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
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
