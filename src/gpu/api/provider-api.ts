import { parse } from 'lossless-json';
import type * as z from 'zod';
import { withDeadline } from '../../jobs/deadline.js';
import { beginningOf } from '../../jobs/excerpt.js';
import { checkNumber, MAX_TIMER_MS } from '../../jobs/numbers.js';
import type { Logger } from '../../telemetry/logger.js';
import { silentLogger } from '../../telemetry/logger.js';
import { guardedLogger } from '../../telemetry/user-code.js';
import { ProviderError } from '../provider-error.js';
import { type ApiErrors, type CallKind, isErrorEnvelope, statusIn, unanswered } from './api-errors.js';
import {
  AccountLimits,
  accountOf,
  checkAccount,
  checkRates,
  type GivenCallRates,
  type Operation,
  type PublishedRates,
} from './call-rates.js';
import { type CallTurns, TurnComesLater, turnsOf } from './call-turns.js';
import { redacted } from './redaction.js';
import { retryAfterIn, usedUpForMs } from './told-pause.js';

const DEFAULT_TIMEOUT_MS = 30_000;
/** Largest answer that is read, in bytes, where a call has no limit of its own. */
export const MAX_RESPONSE_BYTES = 4 * 1024 * 1024;
/** For lists of instances: some APIs give all of an account in one answer, each with its environment. */
export const MAX_LIST_BYTES = 64 * 1024 * 1024;

const MAX_REASON_LENGTH = 300;
/** Only so long a run of digits can be a number that a double does not hold. */
const LONG_NUMBER = /\d{16}/;

/** The longest that calls are held back for one answer, so that what an API says by mistake is asked about again. */
const MAX_HELD_BACK_MS = 15 * 60_000;
/** For an answer that was no refusal, and said that nothing is left. */
const MAX_USED_UP_MS = 60_000;
/** For a refusal that says nothing more. */
const MIN_HELD_BACK_MS = 2_000;

/** An API, as far as all calls of it have in common. */
export interface ApiDialect extends PublishedRates {
  /** In messages: `Novita`. */
  readonly provider: string;
  readonly defaultBaseUrl: string;
  /** Where the API is below the host, such as `/api/v1`; empty where it begins there. */
  readonly path: string;
  readonly errors: ApiErrors;
}

export interface ApiCall<T> {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the path of the API, such as `/gpu/instance`. */
  path: string;
  kind: CallKind;
  /** The fields that an answer of this kind has; without them it proves nothing. An empty body is null, one that is no JSON undefined. */
  schema: z.ZodType<T>;
  query?: Record<string, string | number | undefined>;
  body?: Record<string, unknown>;
  /** Largest answer that is read, in bytes. Defaults to 4 MiB. */
  maxBytes?: number;
  /** Values that must not show up in error messages, even if the provider repeats them. */
  secrets?: readonly string[];
  signal?: AbortSignal | undefined;
}

export interface ProviderApiOptions {
  apiKey: string;
  /** Another address of the API. Its path below the host is appended unless the URL ends so. Defaults to that of the provider. */
  baseUrl?: string;
  /** Limit for one call, its body included. Defaults to 30,000. */
  timeoutMs?: number;
  logger?: Logger;
  /** What the account is called among limits: those who share it say the same. Defaults to a digest of its key and address. */
  account?: string;
  /**
   * How often the account may call, by operation (`all`, `create`, `read`, `list`, `delete`, `change`, `offers`, `templates`), in place of
   * what the provider publishes; false for no limit, of one operation or of all. Defaults to what it publishes.
   */
  rateLimits?: GivenCallRates | false;
}

type Answer = { response: Response; text: string };

/**
 * The HTTP client of every adapter. It never retries: who calls knows whether a second try could rent a second instance. In a worker each call waits
 * for its turn among those of all workers; alone it waits for nothing.
 */
export class ProviderApi {
  readonly #dialect: ApiDialect;
  readonly #apiKey: string;
  readonly #baseUrl: string;
  readonly #timeoutMs: number;
  readonly #logger: Logger;
  readonly #limits: AccountLimits;
  /** What the account is called. */
  readonly account: string;

  /**
   * @throws ProviderError `auth` for a key that fits no header, `validation` for an unusable `baseUrl`; ValidationError for another option that is none
   */
  constructor(dialect: ApiDialect, options: ProviderApiOptions) {
    const { apiKey, baseUrl, timeoutMs, logger, account, rateLimits } = options;
    if (!/^[\x21-\x7e]+$/.test(apiKey)) {
      throw new ProviderError(
        'auth',
        `the ${dialect.provider} API key is empty or has characters that no header allows`,
      );
    }
    checkNumber('timeoutMs', timeoutMs, 1, MAX_TIMER_MS);
    this.#dialect = dialect;
    this.#apiKey = apiKey;
    this.#baseUrl = resolveBaseUrl(dialect, baseUrl ?? dialect.defaultBaseUrl);
    this.#timeoutMs = timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#logger = guardedLogger(logger ?? silentLogger);
    checkAccount(account);
    checkRates('rateLimits', rateLimits);
    this.account = account ?? accountOf(this.#baseUrl, apiKey);
    this.#limits = new AccountLimits(dialect.provider.toLowerCase(), this.account, dialect, rateLimits);
  }

  /**
   * Makes one call and gives back its checked answer.
   * @throws ProviderError by what the failure means for `call.kind`
   * @throws the reason of `call.signal`, when that is what ended the call
   */
  async call<T>(call: ApiCall<T>): Promise<T> {
    call.signal?.throwIfAborted();
    const operation = this.#limits.operationOf(`${call.method} ${call.path}`, call.kind);
    const turns = turnsOf(call.signal);
    if (turns) await this.#takeTurn(call, operation, turns);
    const startedAt = performance.now();
    const answer = await this.#exchange(call);
    const { status, ok } = answer.response;
    const durationMs = Math.round(performance.now() - startedAt);
    const answered = `${this.#dialect.provider.toLowerCase()} answered`;
    this.#logger.debug({ method: call.method, path: call.path, status, durationMs }, answered);
    const body = parseJson(answer.text);
    const heldBackMs = await this.#heed(operation, answer.response, body, turns);
    if (!ok || isErrorEnvelope(body)) throw this.#refusal(call, answer, body, heldBackMs);
    const parsed = call.schema.safeParse(answer.text.trim() === '' ? null : body);
    if (parsed.success) return parsed.data;
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`.trim());
    const message = this.#describe(call, `sent an answer that cannot be read: ${problems.join('; ')}`);
    throw new ProviderError(unanswered(call.kind), message, { status });
  }

  /**
   * Waits for no longer than a call may take.
   * @throws TurnComesLater where its turn comes later: nothing was sent
   */
  async #takeTurn(call: ApiCall<unknown>, operation: Operation, turns: CallTurns): Promise<void> {
    const { kind, signal } = call;
    const limits = this.#limits.of(operation);
    const withinMs = this.#timeoutMs;
    const booked = await turns.book(limits, { withinMs, kind });
    signal?.throwIfAborted();
    const inMs = 'turn' in booked ? await booked.turn.begin(withinMs, signal) : booked.inMs;
    if (inMs === undefined) return;
    const names = limits.map(({ name, key }) => `${name}:${key}`).join(' and ');
    const why = `is not sent: its turn under the limit ${names} comes in ${Math.ceil(inMs / 1_000)} s`;
    throw new TurnComesLater(this.#describe(call, why), inMs);
  }

  /** Holds back the calls of all who share the limit that was reached. @returns for how long */
  async #heed(
    operation: Operation,
    { status, headers }: Response,
    body: unknown,
    turns: CallTurns | undefined,
  ): Promise<number | undefined> {
    const isRefused = status === 429 || statusIn(body) === 429;
    const usedUpMs = usedUpForMs(headers);
    if (!isRefused && usedUpMs === undefined) return undefined;
    const limit = this.#limits.toldOf(operation);
    const saidMs = isRefused ? (retryAfterIn(headers) ?? usedUpMs) : usedUpMs;
    const forMs = saidMs ?? Math.max(MIN_HELD_BACK_MS, 2 * (limit.rate?.perMs ?? 0));
    const heldBackMs = Math.min(forMs, isRefused ? MAX_HELD_BACK_MS : MAX_USED_UP_MS);
    if (heldBackMs > 0) await turns?.close(limit, heldBackMs);
    return forMs;
  }

  async #exchange(call: ApiCall<unknown>): Promise<Answer> {
    const late = () => new Error(`no answer within ${this.#timeoutMs} ms`);
    try {
      return await withDeadline(this.#timeoutMs, [call.signal], late, (signal) => this.#send(call, signal));
    } catch (error) {
      call.signal?.throwIfAborted();
      const message = this.#describe(call, `failed: ${networkReason(error)}`);
      throw new ProviderError(unanswered(call.kind), message, { cause: error });
    }
  }

  async #send(call: ApiCall<unknown>, signal: AbortSignal): Promise<Answer> {
    const url = new URL(this.#baseUrl + call.path);
    for (const [key, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(key, String(value));
    }
    const { headers, ...sent } = bodyOf(call);
    const response = await fetch(url, {
      method: call.method,
      headers: { authorization: `Bearer ${this.#apiKey}`, 'content-type': 'application/json', ...headers },
      ...sent,
      // Following one would take the API key to another origin, and turn a POST into a GET.
      redirect: 'manual',
      signal,
    });
    const body = await readAtMost(call.maxBytes ?? MAX_RESPONSE_BYTES, 'the answer', response.body ?? []);
    // The decoder takes a byte order mark away, which JSON does not allow.
    return { response, text: new TextDecoder().decode(body) };
  }

  #refusal(
    call: ApiCall<unknown>,
    { response, text }: Answer,
    body: unknown,
    heldBackMs: number | undefined,
  ): ProviderError {
    const { status, headers } = response;
    const { kind, schema } = call;
    const { errors } = this.#dialect;
    const said = errors.read(body, text);
    const meantStatus = status > 299 ? status : (statusIn(body) ?? status);
    const named = errors.classify({ kind, status: meantStatus, body, said });
    // An absence beside the fields of what is absent contradicts itself.
    const isAbsurd = named === 'not_found' && kind === 'read' && schema.safeParse(body).success;
    const errorClass = isAbsurd ? unanswered(kind) : named;
    const retryAfterMs = retryAfterIn(headers) ?? (errorClass === 'rate_limited' ? heldBackMs : undefined);
    const words = [...new Set([said.name, said.reason])].filter(Boolean).join(': ');
    const message = this.#describe(call, `answered ${status}${words ? ` ${words}` : ''}`);
    return new ProviderError(errorClass, message, {
      status,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
  }

  #describe(call: ApiCall<unknown>, what: string): string {
    const clean = redacted(what, [this.#apiKey, ...(call.secrets ?? [])]);
    return `${this.#dialect.provider} ${call.method} ${call.path} ${beginningOf(clean, MAX_REASON_LENGTH)}`;
  }
}

type SentBody = RequestInit & { duplex?: 'half'; headers?: Record<string, string> };

/**
 * The body of a request. `fetch` itself repeats a request whose body it can read again when it is answered 421, and a create
 * is sent once: its body is a stream. Without `credentials: 'omit'` some versions then take a 401 for a broken connection.
 */
function bodyOf({ kind, body }: ApiCall<unknown>): SentBody {
  if (!body) return {};
  const text = JSON.stringify(body);
  if (kind !== 'create') return { body: text };
  const bytes = new Blob([text]);
  const headers = { 'content-length': String(bytes.size) };
  return { body: bytes.stream(), duplex: 'half', credentials: 'omit', headers };
}

/**
 * An id as one segment of a path.
 * @throws ProviderError `validation` for `.` and `..`, which would name another path in every spelling
 */
export function segmentOf(id: string): string {
  if (/^\.{1,2}$/.test(id))
    throw new ProviderError('validation', `the id ${JSON.stringify(id)} names nothing`);
  return encodeURIComponent(id.toWellFormed());
}

/** @throws RangeError when it is over `maxBytes` */
export async function readAtMost(
  maxBytes: number,
  what: string,
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new RangeError(`${what} is over ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * An answer as JSON, or undefined when it is none. A number that a double would round comes as text, so that an id keeps
 * every digit: `JSON.parse` in Node 20 gives its reviver no source text. The native parser reads everything else: a page
 * of 100 instances takes it 0.7 ms instead of 3.4 ms.
 */
function parseJson(text: string): unknown {
  try {
    if (!LONG_NUMBER.test(text)) return JSON.parse(text) as unknown;
    return parse(text, undefined, { parseNumber: exactNumber, onDuplicateKey: ({ newValue }) => newValue });
  } catch {
    return undefined;
  }
}

function exactNumber(text: string): number | string {
  const isRounded = /^-?\d+$/.test(text) && !Number.isSafeInteger(Number(text));
  return isRounded ? text : Number(text);
}

/** What went wrong below HTTP: `fetch failed` says nothing, its cause does. */
function networkReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error as { cause?: { code?: unknown; message?: unknown } };
  return String(cause?.code ?? cause?.message ?? error.message);
}

function resolveBaseUrl({ provider, path }: ApiDialect, baseUrl: string): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    const form = 'an http(s) URL without credentials, query and fragment';
    throw new ProviderError('validation', `the base URL of the ${provider} API must be ${form}`);
  }
  const trimmed = url.href.replace(/\/+$/, '');
  return trimmed.endsWith(path) ? trimmed : trimmed + path;
}
