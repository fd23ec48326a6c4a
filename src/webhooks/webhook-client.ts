import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
  validateHeaderName,
  validateHeaderValue,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { withDeadline } from '../jobs/deadline.js';
import { defined } from '../jobs/defined.js';
import { JetfleetError, NonRetryableError, RetryableError, ValidationError } from '../jobs/errors.js';
import { excerptOf, quoted } from '../jobs/excerpt.js';
import { checkNumber, MAX_TIMER_MS } from '../jobs/numbers.js';
import { parseRetryAfter } from '../jobs/retry-after.js';
import { type CheckedTarget, createWebhookGuard, type WebhookGuardOptions } from './endpoint-guard.js';
import type { Delivery } from './schemas.js';
import { signLegacyWebhook, signWebhook } from './signature.js';

/** How long a delivery may take, from the name look-up to the end of the answer. */
export const DEFAULT_WEBHOOK_TIMEOUT_MS = 15_000;
/** How much of an answer is read; the rest is cut off with its connection. */
export const MAX_RESPONSE_EXCERPT_BYTES = 4 * 1024;
/** Answers of the kind 1xx before the final one. */
const MAX_INTERIM_ANSWERS = 20;
/** A create waits for this long to learn whether its webhook may go out. */
const CHECK_MS = 2_000;
const USER_AGENT = 'jetfleet/0.1';

export interface WebhookClientOptions {
  /** Which endpoints may be reached. Defaults to public addresses over https. */
  guard?: WebhookGuardOptions;
  /** Limit for one delivery. Defaults to {@link DEFAULT_WEBHOOK_TIMEOUT_MS}. */
  timeoutMs?: number;
  /** Statuses that fail the job at once, besides 410. Defaults to none, see {@link WebhookClient.deliver}. */
  permanentStatuses?: readonly number[];
  /**
   * Connection pools, for a private certificate authority say; the caller closes them. An agent with a `lookup` or
   * a proxy of its own decides itself where connections go, past the guard. Defaults to keep-alive pools of the client.
   */
  agents?: { http?: HttpAgent; https?: HttpsAgent };
}

/** One webhook, as it is sent. */
export interface OutgoingWebhook {
  url: string;
  /** JSON text, sent and signed byte for byte. */
  body: string;
  /** Defaults to `application/json`. */
  contentType?: string;
  /** The caller's headers. Those that frame, route or sign the request are dropped. */
  headers?: Readonly<Record<string, string>>;
  /** Becomes `webhook-id`: the same for each attempt. */
  id: string;
  /** `whsec_...` or `whsk_...`; several while one is being replaced; none sends the webhook unsigned. */
  secrets: readonly string[];
  /** For receivers of the in-memory queue; see {@link signLegacyWebhook}. */
  legacySecret?: string;
  /** Defaults to the client's. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Milliseconds since 1970, for the signature and dates in `Retry-After`. Defaults to `Date.now`. */
  now?: () => number;
}

/** What is known of an attempt that failed; `details` of its error. */
export type AttemptDetails = {
  /** Of the answer, if one came. */
  status?: number;
  /** What kept it from coming: `dns`, `refused`, `timeout`, `tls`, `reset`, `unreachable`, `upgrade` or `connection`. */
  error?: string;
  durationMs?: number;
  /** Some headers of the answer. */
  headers?: Record<string, string>;
};

export interface WebhookClient {
  /**
   * Makes one attempt: signs (Standard Webhooks), posts, reads the status. Any 2xx is success. Redirects are never
   * followed, since their target was not checked. **Everything else but 410 is retryable, 4xx too**: Standard
   * Webhooks asks for it, and Svix, Stripe and Convoy do it, because a receiver that answers 404 or 401 through a
   * bad deploy must not lose events. Whoever wants statuses to be final names them in `permanentStatuses`.
   * Once the status has arrived it decides, whatever becomes of the rest of the answer.
   * @returns the 2xx status, how long the attempt took in milliseconds, some headers of the answer and the beginning of its body
   * @throws RetryableError `JETFLEET_WEBHOOK_FAILED`: other status, no connection, no answer in time; with the
   *   beginning of the answer as `excerpt`, `retryAfterMs` (at most 24 hours) where `Retry-After` was sent, and {@link AttemptDetails}
   * @throws NonRetryableError `JETFLEET_WEBHOOK_GONE` for 410, `JETFLEET_WEBHOOK_FAILED` for a permanent status
   * @throws ValidationError `JETFLEET_WEBHOOK_URL_INVALID`, `JETFLEET_WEBHOOK_SECRET_INVALID`, `JETFLEET_ID_INVALID`,
   *   `JETFLEET_PAYLOAD_INVALID` for a header that HTTP cannot carry
   * @throws JetfleetError `JETFLEET_CLOSED`
   * @throws `signal.reason` once the signal is aborted
   */
  deliver(webhook: OutgoingWebhook): Promise<Delivery>;
  /**
   * Whether this client may deliver to a URL, as far as that is known now: scheme, host, and the addresses of its name. A
   * name that does not resolve within two seconds passes, because it may resolve later.
   * @throws ValidationError `JETFLEET_WEBHOOK_URL_INVALID`
   * @throws `signal.reason` once the signal is aborted
   */
  check(url: string, signal?: AbortSignal): Promise<void>;
  /** Closes the client's own connections, those in use as well. */
  close(): void;
}

/** A client that keeps connections to endpoints alive between deliveries. One for the whole process is enough. */
export function createWebhookClient(options: WebhookClientOptions = {}): WebhookClient {
  checkNumber('webhooks.timeoutMs', options.timeoutMs, 1, MAX_TIMER_MS);
  const guard = createWebhookGuard(options.guard);
  const pool = { keepAlive: true, maxFreeSockets: 4 };
  const ownHttp = new HttpAgent(pool);
  const ownHttps = new HttpsAgent(pool);
  const { http = ownHttp, https = ownHttps } = options.agents ?? {};
  let closed = false;

  async function deliver(webhook: OutgoingWebhook) {
    if (closed) throw new JetfleetError('JETFLEET_CLOSED', 'the webhook client is closed');
    const { timeoutMs = options.timeoutMs ?? DEFAULT_WEBHOOK_TIMEOUT_MS, signal, now = Date.now } = webhook;
    const startedAt = performance.now();
    const sent = requestHeaders(webhook, now());
    const tookMs = () => Math.round(performance.now() - startedAt);
    const failed = (error: string) => ({ details: { error, durationMs: tookMs() } satisfies AttemptDetails });
    const late = () => undelivered(`the endpoint did not answer within ${timeoutMs} ms`, failed('timeout'));
    const { response, host } = await withDeadline(timeoutMs, [signal], late, async (ended) => {
      const target = await guard.check(webhook.url);
      ended.throwIfAborted();
      const agent = target.url.protocol === 'https:' ? https : http;
      const answer = await post(target, { agent, headers: sent, signal: ended }, webhook.body);
      return { response: answer, host: target.url.host };
    }).catch((error: unknown) => {
      signal?.throwIfAborted();
      if (JetfleetError.is(error)) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      const why = `the endpoint could not be reached: ${code ?? message}`;
      throw undelivered(why, { cause: error, ...failed(errorClassOf(code)) });
    });
    const leftMs = Math.max(0, timeoutMs - (performance.now() - startedAt));
    const excerpt = await readExcerpt(response, leftMs, signal);
    const status = response.statusCode ?? 0;
    const headers = headOf(response);
    if (status >= 200 && status < 300) {
      return { status, durationMs: tookMs(), ...defined({ headers }), ...(excerpt !== '' && { excerpt }) };
    }
    const details: AttemptDetails = { status, durationMs: tookMs(), ...defined({ headers }) };
    throw failure({ response, host, excerpt, details }, status, options.permanentStatuses ?? [], now());
  }

  async function check(url: string, signal?: AbortSignal): Promise<void> {
    const late = () => new Error(`no answer to the name look-up within ${CHECK_MS} ms`);
    try {
      await withDeadline(CHECK_MS, [signal], late, () => guard.check(url));
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ValidationError) throw error;
    }
  }

  function close(): void {
    closed = true;
    ownHttp.destroy();
    ownHttps.destroy();
  }
  return { deliver, check, close };
}

/** What frames, routes or signs the request is not the caller's to set. */
const RESERVED_HEADER =
  /^(webhook-.*|proxy-.*|host|content-(length|type|encoding)|transfer-encoding|accept-encoding|connection|keep-alive|upgrade|expect|te|trailer)$/;

function requestHeaders(webhook: OutgoingWebhook, nowMs: number): Record<string, string> {
  const { id, body, secrets, legacySecret } = webhook;
  const timestamp = Math.floor(nowMs / 1000);
  const standard =
    secrets.length > 0
      ? signWebhook({ id, timestamp, body, secrets })
      : { 'webhook-id': id, 'webhook-timestamp': String(timestamp) };
  const own = Object.entries(webhook.headers ?? {})
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !RESERVED_HEADER.test(name));
  own.forEach(([name, value]) => {
    assertHeader(name, value);
  });
  return {
    'user-agent': USER_AGENT,
    ...Object.fromEntries(own),
    'content-type': webhook.contentType ?? 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    // A compressed answer would make an unreadable excerpt.
    'accept-encoding': 'identity',
    ...standard,
    ...(legacySecret !== undefined && signLegacyWebhook({ timestamp, body, secret: legacySecret })),
  };
}

function assertHeader(name: string, value: string): void {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch (cause) {
    throw new ValidationError(
      'JETFLEET_PAYLOAD_INVALID',
      `webhook header ${quoted(name)} cannot be sent: ${(cause as Error).message}`,
      { cause, problems: [{ path: `headers.${excerptOf(name)}`, message: 'not a valid HTTP header' }] },
    );
  }
}

function post(target: CheckedTarget, options: RequestOptions, body: string): Promise<IncomingMessage> {
  const { url, lookup } = target;
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const onClose = () => reject(new Error('the connection was closed without an answer'));
    const upgraded = () => {
      const why = `the endpoint at ${url.host} answered 101; it cannot be upgraded`;
      reject(undelivered(why, { details: { status: 101, error: 'upgrade' } satisfies AttemptDetails }));
    };
    const sent = request(url, { ...options, method: 'POST', lookup }, (response) => {
      if (response.statusCode !== 101) return resolve(response);
      upgraded();
      // Its server has not ended the answer: the next webhook on this connection would wait for that.
      sent.destroy();
    });
    sent.once('error', (error: NodeJS.ErrnoException) => {
      sent.off('close', onClose);
      // Most likely the endpoint closed an idle connection just as it was taken from the pool; if it did see the
      // request after all, it knows the repetition by its webhook-id.
      const stale = sent.reusedSocket && error.code === 'ECONNRESET' && !options.signal?.aborted;
      if (stale) post(target, options, body).then(resolve, reject);
      else reject(error);
    });
    // A second error without a listener would end the process.
    sent.on('error', () => {});
    // Node closes the connection of an upgrade that nobody listens to, and says nothing more.
    sent.once('upgrade', (_, socket) => {
      socket.on('error', () => {});
      socket.destroy();
      upgraded();
    });
    let interim = 0;
    sent.on('information', () => {
      if (++interim > MAX_INTERIM_ANSWERS) sent.destroy(new Error('the endpoint sends no final answer'));
    });
    sent.once('close', onClose);
    sent.end(body);
  });
}

/** The status has arrived and decides: what could be read of the rest in time is excerpt enough. */
async function readExcerpt(
  response: IncomingMessage,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<string> {
  const chunks: Buffer[] = [];
  const read = async () => {
    let bytes = 0;
    for await (const chunk of response) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= MAX_RESPONSE_EXCERPT_BYTES) break;
    }
  };
  const late = () => new Error(`the answer did not end within ${timeoutMs} ms`);
  await withDeadline(timeoutMs, [signal], late, read).catch(() => response.destroy());
  return Buffer.concat(chunks).subarray(0, MAX_RESPONSE_EXCERPT_BYTES).toString();
}

function failure(
  answer: { response: IncomingMessage; host: string; excerpt: string; details: AttemptDetails },
  status: number,
  permanent: readonly number[],
  nowMs: number,
): JetfleetError {
  const { response, host, excerpt, details } = answer;
  const redirect = status >= 300 && status < 400;
  const message = `the endpoint at ${host} answered ${status}${redirect ? '; redirects are not followed' : ''}`;
  if (status === 410)
    return new NonRetryableError(message, { code: 'JETFLEET_WEBHOOK_GONE', excerpt, details });
  if (permanent.includes(status)) {
    return new NonRetryableError(message, { code: 'JETFLEET_WEBHOOK_FAILED', excerpt, details });
  }
  const retryAfterMs = parseRetryAfter(response.headers['retry-after'], nowMs);
  return undelivered(message, { excerpt, details, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}

/** Of an answer so much is kept: what helps to find out why, and nothing that may be a secret. */
const KEPT_HEADERS = ['content-type', 'date', 'retry-after', 'server', 'via', 'x-request-id', 'cf-ray'];
const MAX_HEADER_LENGTH = 200;

function headOf({ headers }: IncomingMessage): Record<string, string> | undefined {
  const kept = KEPT_HEADERS.flatMap((name) => {
    const value = headers[name];
    return typeof value === 'string' ? [[name, value.slice(0, MAX_HEADER_LENGTH)] as const] : [];
  });
  return kept.length > 0 ? Object.fromEntries(kept) : undefined;
}

/** What kept a request from its answer, in few words, by which attempts are found. */
function errorClassOf(code = ''): string {
  if (/^(ENOTFOUND|EAI_|ENODATA|ESERVFAIL|DNS)/.test(code)) return 'dns';
  if (code === 'ECONNREFUSED') return 'refused';
  if (/^(ETIMEDOUT|ESOCKETTIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/.test(code)) return 'timeout';
  if (/^(ERR_TLS|ERR_SSL|CERT_|UNABLE_|DEPTH_ZERO|SELF_SIGNED|EPROTO)/.test(code)) return 'tls';
  if (/^(ECONNRESET|EPIPE|ECONNABORTED)$/.test(code)) return 'reset';
  if (/^(ENETUNREACH|EHOSTUNREACH)$/.test(code)) return 'unreachable';
  return 'connection';
}

function undelivered(message: string, options: ConstructorParameters<typeof RetryableError>[1] = {}) {
  return new RetryableError(message, { ...options, code: 'JETFLEET_WEBHOOK_FAILED' });
}
