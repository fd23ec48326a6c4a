import { parse } from 'lossless-json';
import type { z } from 'zod';
import { withDeadline } from '../../jobs/deadline.js';
import { beginningOf } from '../../jobs/excerpt.js';
import { checkNumber, MAX_TIMER_MS } from '../../jobs/numbers.js';
import { parseRetryAfter } from '../../jobs/retry-after.js';
import type { Logger } from '../../telemetry/logger.js';
import { silentLogger } from '../../telemetry/logger.js';
import { guardedLogger } from '../../telemetry/user-code.js';
import { ProviderError } from '../provider-error.js';
import { type CallKind, classify, isErrorEnvelope, readError, unanswered } from './novita-errors.js';

/** Where the v1 API lives below the host. */
export const NOVITA_API_PATH = '/gpu-instance/openapi/v1';
const DEFAULT_BASE_URL = 'https://api.novita.ai';
const DEFAULT_TIMEOUT_MS = 30_000;
/** Largest answer that is read, in bytes. */
export const MAX_RESPONSE_BYTES = 4 * 1024 * 1024;

const MAX_REASON_LENGTH = 300;
/** Only so long a run of digits can be a number that a double does not hold. */
const LONG_NUMBER = /\d{16}/;
/** Shorter values, such as `1` or `on`, would only garble messages. */
const MIN_SECRET_LENGTH = 4;

export interface NovitaCall<T> {
  method: 'GET' | 'POST';
  /** Below {@link NOVITA_API_PATH}, such as `/gpu/instance`. */
  path: string;
  kind: CallKind;
  /** The fields that an answer of this kind has; without them it proves nothing. An empty body is null, one that is no JSON undefined. */
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

type Answer = { response: Response; text: string };

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
  constructor({ apiKey, baseUrl, timeoutMs, logger }: NovitaClientOptions) {
    if (!/^[\x21-\x7e]+$/.test(apiKey)) {
      throw new ProviderError('auth', 'the Novita API key is empty or has characters that no header allows');
    }
    checkNumber('timeoutMs', timeoutMs, 1, MAX_TIMER_MS);
    this.#apiKey = apiKey;
    this.#baseUrl = resolveBaseUrl(baseUrl ?? DEFAULT_BASE_URL);
    this.#timeoutMs = timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#logger = guardedLogger(logger ?? silentLogger);
  }

  /**
   * Makes one call and gives back its checked answer.
   * @throws ProviderError by what the failure means for `call.kind`
   * @throws the reason of `call.signal`, when that is what ended the call
   */
  async call<T>(call: NovitaCall<T>): Promise<T> {
    call.signal?.throwIfAborted();
    const startedAt = performance.now();
    const answer = await this.#exchange(call);
    const { status, ok } = answer.response;
    const durationMs = Math.round(performance.now() - startedAt);
    this.#logger.debug({ method: call.method, path: call.path, status, durationMs }, 'novita answered');
    const body = parseJson(answer.text);
    if (!ok || isErrorEnvelope(body)) throw this.#refusal(call, answer, body);
    const parsed = call.schema.safeParse(answer.text.trim() === '' ? null : body);
    if (parsed.success) return parsed.data;
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`.trim());
    const message = this.#describe(call, `sent an answer that cannot be read: ${problems.join('; ')}`);
    throw new ProviderError(unanswered(call.kind), message, { status });
  }

  async #exchange(call: NovitaCall<unknown>): Promise<Answer> {
    const late = () => new Error(`no answer within ${this.#timeoutMs} ms`);
    try {
      return await withDeadline(this.#timeoutMs, [call.signal], late, (signal) => this.#send(call, signal));
    } catch (error) {
      call.signal?.throwIfAborted();
      const message = this.#describe(call, `failed: ${networkReason(error)}`);
      throw new ProviderError(unanswered(call.kind), message, { cause: error });
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
      // Following one would take the API key to another origin, and turn a POST into a GET.
      redirect: 'manual',
      signal,
    });
    const body = await readAtMost(MAX_RESPONSE_BYTES, 'the answer', response.body ?? []);
    // The decoder takes a byte order mark away, which JSON does not allow.
    return { response, text: new TextDecoder().decode(body) };
  }

  #refusal(call: NovitaCall<unknown>, { response, text }: Answer, body: unknown): ProviderError {
    const { status, headers } = response;
    const said = readError(body, text);
    const { name, reason } = said;
    const named = classify(call.kind, status > 299 ? status : (statusIn(body) ?? status), said);
    // An absence beside the fields of what is absent contradicts itself.
    const isAbsurd = named === 'not_found' && call.kind === 'read' && call.schema.safeParse(body).success;
    const errorClass = isAbsurd ? unanswered(call.kind) : named;
    const nowMs = Date.parse(headers.get('date') ?? '') || Date.now();
    const retryAfterMs = parseRetryAfter(headers.get('retry-after'), nowMs);
    const words = [...new Set([name, reason])].filter(Boolean).join(': ');
    const message = this.#describe(call, `answered ${status}${words ? ` ${words}` : ''}`);
    return new ProviderError(errorClass, message, {
      status,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
  }

  #describe(call: NovitaCall<unknown>, what: string): string {
    const secrets = [this.#apiKey, ...(call.secrets ?? [])]
      .filter((s) => s.length >= MIN_SECRET_LENGTH)
      .flatMap(formsOf);
    // The longest first, so that a secret inside another leaves no rest of it behind.
    secrets.sort((a, b) => b.length - a.length);
    const clean = secrets.reduce((message, secret) => message.replaceAll(secret, '[redacted]'), what);
    return `Novita ${call.method} ${call.path} ${beginningOf(clean, MAX_REASON_LENGTH)}`;
  }
}

/** A secret as an answer may repeat it: as it is, in JSON, in HTML, in a URL, and in Base64. */
function formsOf(secret: string): string[] {
  const well = secret.toWellFormed();
  const base64 = Buffer.from(well).toString('base64').replace(/=+$/, '');
  const html = well.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const quoted = html.replaceAll('"', '&quot;');
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    html,
    quoted,
    quoted.replaceAll("'", '&#39;'),
    encodeURIComponent(well),
    base64,
    base64.replaceAll('+', '-').replaceAll('/', '_'),
  ];
}

/** The status that an error inside a 200 gives itself: `{"code":429}`. */
function statusIn(body: unknown): number | undefined {
  const { code } = (body ?? {}) as { code?: unknown };
  const status = typeof code === 'string' || typeof code === 'number' ? Number(code) : Number.NaN;
  return Number.isInteger(status) && status >= 300 && status <= 599 ? status : undefined;
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

function resolveBaseUrl(baseUrl: string): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    const form = 'an http(s) URL without credentials, query and fragment';
    throw new ProviderError('validation', `the base URL of the Novita API must be ${form}`);
  }
  const trimmed = url.href.replace(/\/+$/, '');
  return trimmed.endsWith(NOVITA_API_PATH) ? trimmed : trimmed + NOVITA_API_PATH;
}
