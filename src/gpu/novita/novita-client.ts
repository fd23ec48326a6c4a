import type { z } from 'zod';
import { checkNumber, hintedMs, MAX_TIMER_MS } from '../../jobs/numbers.js';
import type { Logger } from '../../telemetry/logger.js';
import { silentLogger } from '../../telemetry/logger.js';
import { ProviderError, type ProviderErrorClass } from '../provider-error.js';

/** Where the v1 API lives below the host. */
export const NOVITA_API_PATH = '/gpu-instance/openapi/v1';
export const DEFAULT_NOVITA_BASE_URL = 'https://api.novita.ai';
export const DEFAULT_NOVITA_TIMEOUT_MS = 30_000;
/** Largest answer that is read, in bytes. */
export const MAX_RESPONSE_BYTES = 4 * 1024 * 1024;

const MAX_REASON_LENGTH = 300;
const MAX_RETRY_AFTER_MS = 24 * 60 * 60 * 1000;
/** Shorter values, such as `1` or `on`, would only garble messages. */
const MIN_SECRET_LENGTH = 4;

/**
 * What an unanswered call leaves behind: nothing (`read`), nothing that saying it again would worsen
 * (`repeatable`), or perhaps a second instance to pay for (`create`).
 */
export type CallKind = 'read' | 'repeatable' | 'create';

export interface NovitaCall<T> {
  method: 'GET' | 'POST';
  /** Below {@link NOVITA_API_PATH}, such as `/gpu/instance`. */
  path: string;
  kind: CallKind;
  /** Checks the answer; a body that is no JSON is checked as `undefined`. */
  schema: z.ZodType<T>;
  query?: Record<string, string | number | undefined>;
  body?: Record<string, unknown>;
  /** Values that must not show up in error messages, even if the provider repeats them. */
  secrets?: readonly string[];
  signal?: AbortSignal;
}

export interface NovitaClientOptions {
  apiKey: string;
  /** {@link NOVITA_API_PATH} is appended unless it ends so. Defaults to `https://api.novita.ai`. */
  baseUrl?: string;
  /** Limit for one call, its body included. Defaults to 30,000. */
  timeoutMs?: number;
  logger?: Logger;
}

interface Answer {
  status: number;
  retryAfter: string | null;
  text: string;
}

/**
 * HTTP client for Novita's GPU instance API, v1 (https://novita.ai/docs/api-reference/), and for PPIO, which
 * speaks the same. It never retries: who calls knows whether a second try could rent a second instance.
 */
export class NovitaClient {
  readonly #apiKey: string;
  readonly #baseUrl: string;
  readonly #timeoutMs: number;
  readonly #logger: Logger;

  /** @throws ProviderError `auth` for a key that fits no header, `validation` for an unusable `baseUrl`; ValidationError for a `timeoutMs` that is none */
  constructor(options: NovitaClientOptions) {
    if (!/^[\x21-\x7e]+$/.test(options.apiKey)) {
      throw new ProviderError('auth', 'the Novita API key is empty or has characters that no header allows');
    }
    checkNumber('timeoutMs', options.timeoutMs, 1, MAX_TIMER_MS);
    this.#apiKey = options.apiKey;
    this.#baseUrl = resolveBaseUrl(options.baseUrl ?? DEFAULT_NOVITA_BASE_URL);
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_NOVITA_TIMEOUT_MS;
    this.#logger = options.logger ?? silentLogger;
  }

  /**
   * Makes one call and gives back its checked answer.
   * @throws ProviderError by what the failure means for `call.kind`
   * @throws the reason of `call.signal`, when that is what ended the call
   */
  async call<T>(call: NovitaCall<T>): Promise<T> {
    call.signal?.throwIfAborted();
    const startedAt = performance.now();
    const { status, retryAfter, text } = await this.#exchange(call);
    const durationMs = Math.round(performance.now() - startedAt);
    this.#logger.debug({ method: call.method, path: call.path, status, durationMs }, 'novita answered');
    if (status < 200 || status > 299) throw this.#refusal(call, status, retryAfter, text);
    const parsed = call.schema.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`.trim());
    const message = this.#describe(call, `sent an answer that cannot be read: ${problems.join('; ')}`);
    throw new ProviderError(unanswered(call.kind), message, { status });
  }

  async #exchange(call: NovitaCall<unknown>): Promise<Answer> {
    const controller = new AbortController();
    const onAbort = () => controller.abort(call.signal?.reason);
    call.signal?.addEventListener('abort', onAbort, { once: true });
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      controller.abort();
    }, this.#timeoutMs);
    try {
      return await this.#send(call, controller.signal);
    } catch (error) {
      call.signal?.throwIfAborted();
      const what = timedOut
        ? `gave no answer within ${this.#timeoutMs} ms`
        : `failed: ${networkReason(error)}`;
      throw new ProviderError(unanswered(call.kind), this.#describe(call, what), { cause: error });
    } finally {
      clearTimeout(timer);
      call.signal?.removeEventListener('abort', onAbort);
    }
  }

  async #send(call: NovitaCall<unknown>, signal: AbortSignal): Promise<Answer> {
    const url = new URL(this.#baseUrl + call.path);
    for (const [key, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(key, String(value));
    }
    const response = await fetch(url, {
      method: call.method,
      headers: { authorization: `Bearer ${this.#apiKey}`, 'content-type': 'application/json' },
      ...(call.body && { body: JSON.stringify(call.body) }),
      // Following one would turn a POST into a GET, so a redirect counts as a refusal.
      redirect: 'manual',
      signal,
    });
    const text = await readText(response);
    return { status: response.status, retryAfter: response.headers.get('retry-after'), text };
  }

  #refusal(
    call: NovitaCall<unknown>,
    status: number,
    retryAfter: string | null,
    text: string,
  ): ProviderError {
    const { name, reason } = readErrorBody(text);
    const errorClass = classify(call.kind, status, name);
    const retryAfterMs = parseRetryAfter(retryAfter);
    const said = [name, reason && reason !== name ? reason : undefined].filter(Boolean).join(': ');
    const message = this.#describe(call, `answered ${status}${said ? ` ${said}` : ''}`);
    return new ProviderError(errorClass, message, {
      status,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
  }

  #describe(call: NovitaCall<unknown>, what: string): string {
    const secrets = [this.#apiKey, ...(call.secrets ?? [])].filter((s) => s.length >= MIN_SECRET_LENGTH);
    // The longest first, so that a secret inside another leaves no rest of it behind.
    secrets.sort((a, b) => b.length - a.length);
    const clean = secrets.reduce((message, secret) => message.replaceAll(secret, '[redacted]'), what);
    return `Novita ${call.method} ${call.path} ${clean.slice(0, MAX_REASON_LENGTH)}`;
  }
}

const NAMED_ERRORS: Readonly<Record<string, ProviderErrorClass>> = {
  RESOURCE_NOT_FOUND: 'not_found',
  MIGRATE_INSUFFICIENT_RESOURCE: 'capacity',
  INSUFFICIENT_RESOURCE: 'capacity',
  CREATE_INSTANCE_LIMIT: 'quota',
  OPERATION_LIMIT: 'quota',
  EXPIRED_OR_BALANCE_NOT_ENOUGH: 'balance',
  BALANCE_NOT_ENOUGH: 'balance',
  UNAUTHORIZED: 'auth',
  FORBIDDEN: 'auth',
  DEPENDENT_RESOURCE_STATE: 'conflict',
  PREPAID_INSTANCE_NOT_SUPPORT_RELEASE: 'conflict',
  CLUSTER_STATUS: 'conflict',
  NODE_STATUS: 'conflict',
  CONFLICT: 'conflict',
  RATE_LIMIT_EXCEEDED: 'rate_limited',
  VALIDATOR_PARAM: 'validation',
  IMAGE_NOT_FOUND: 'validation',
  UNSUPPORTED_BILLING_MODE: 'validation',
};

/** Sentences seen in answers that carry no name; "fount" is the provider's own slip. */
const PHRASES: readonly [RegExp, string][] = [
  [/\b(resource|instance) not foun[dt]\b/i, 'RESOURCE_NOT_FOUND'],
  [/\binvalid state change\b/i, 'CONFLICT'],
];

function unanswered(kind: CallKind): ProviderErrorClass {
  return kind === 'create' ? 'ambiguous' : 'transient';
}

function classify(kind: CallKind, status: number, name: string | undefined): ProviderErrorClass {
  // A 5xx may come from a gateway in front of a request that went through, whatever its body says.
  if (status >= 500 || status === 408) return unanswered(kind);
  if (status === 429) return 'rate_limited';
  const named = name === undefined ? undefined : NAMED_ERRORS[name];
  if (named) return named;
  if (status === 401 || status === 403) return 'auth';
  if (status === 404) return 'not_found';
  if (status === 402) return 'balance';
  return status === 409 ? 'conflict' : 'validation';
}

/** The envelope of an error is not specified: a known name may stand in `reason`, `code` or inside `message`. */
function readErrorBody(text: string): { name?: string; reason: string } {
  const body = parseJson(text);
  const texts = body === undefined ? [text] : collectTexts(body);
  const reason = texts.find((candidate) => /[a-z]/.test(candidate)) ?? texts[0] ?? '';
  for (const candidate of texts) {
    const exact = Object.hasOwn(NAMED_ERRORS, candidate) ? candidate : undefined;
    const name =
      exact ?? candidate.match(/\b[A-Z]+(?:_[A-Z]+)*\b/g)?.find((w) => Object.hasOwn(NAMED_ERRORS, w));
    if (name) return { name, reason };
  }
  const phrase = PHRASES.find(([pattern]) => texts.some((candidate) => pattern.test(candidate)));
  return { ...(phrase && { name: phrase[1] }), reason };
}

/** Strings of an error body, the telling fields first; nested envelopes such as `{error: {...}}` included. */
function collectTexts(body: unknown, depth = 0): string[] {
  if (typeof body === 'string') return [body];
  if (typeof body !== 'object' || body === null || depth > 3) return [];
  if (Array.isArray(body)) return body.slice(0, 10).flatMap((item) => collectTexts(item, depth + 1));
  const fields = body as Record<string, unknown>;
  const order = ['reason', 'code', 'message', 'msg', 'error', 'errors', 'detail', 'details', 'data'];
  return order.flatMap((key) => collectTexts(fields[key], depth + 1));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** `Retry-After` (RFC 9110, 10.2.3): seconds, or an HTTP date. */
function parseRetryAfter(value: string | null): number | undefined {
  if (!value?.trim()) return undefined;
  const delayMs = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return hintedMs(Math.max(delayMs, 0), MAX_RETRY_AFTER_MS);
}

async function readText(response: Response): Promise<string> {
  if (!response.body) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > MAX_RESPONSE_BYTES) throw new RangeError(`the answer is over ${MAX_RESPONSE_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What went wrong below HTTP: `fetch failed` says nothing, its cause does. */
function networkReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error as { cause?: { code?: unknown; message?: unknown } };
  return String(cause?.code ?? cause?.message ?? error.message);
}

function resolveBaseUrl(baseUrl: string): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    const form = 'an http(s) URL without credentials, query and fragment';
    throw new ProviderError('validation', `the base URL of the Novita API must be ${form}`);
  }
  const trimmed = url.href.replace(/\/+$/, '');
  return trimmed.endsWith(NOVITA_API_PATH) ? trimmed : trimmed + NOVITA_API_PATH;
}
