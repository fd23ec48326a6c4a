import { expect } from 'vitest';
import { type HttpServer, type HttpServerOptions, startHttpServer } from '../../src/http/index.js';
import type { JobQueueService } from '../../src/index.js';

export const TOKENS = {
  observer: 'observer-token-1',
  operator: 'operator-token-1',
  admin: 'admin-token-1',
} as const;

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of many shapes.
  json: any;
}

export interface CallOptions {
  method?: string;
  /** Defaults to the admin's; null sends none. */
  token?: string | null;
  /** Sent as JSON, unless it is text. */
  body?: unknown;
  headers?: Record<string, string>;
}

export interface ServedEvent {
  event: string;
  id?: string;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  data: any;
}

/** A stream of events that a test reads. */
export interface Listening extends AsyncDisposable {
  status: number;
  /** Resolves with the next event that fits. */
  next(fits?: (event: ServedEvent) => boolean): Promise<ServedEvent>;
  /** Resolves when the server has ended the stream. */
  ended: Promise<void>;
}

/** A server of the API with a token for each role, and a client for it. */
export async function startHttp(queue: JobQueueService, options: HttpServerOptions = {}) {
  const tokens = (['observer', 'operator', 'admin'] as const).map((role) => ({ role, token: TOKENS[role] }));
  const server = await startHttpServer(queue, { port: 0, tokens, closeTimeoutMs: 500, ...options });
  return Object.assign(clientOf(server), { server, [Symbol.asyncDispose]: () => server.close() });
}

export function clientOf({ url }: Pick<HttpServer, 'url'>) {
  const headersOf = ({ token = TOKENS.admin, body, headers }: CallOptions) => ({
    ...(token !== null && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...headers,
  });

  async function call(path: string, options: CallOptions = {}): Promise<Answer> {
    const { method = options.body === undefined ? 'GET' : 'POST', body } = options;
    const response = await fetch(url + path, {
      method,
      headers: headersOf(options),
      redirect: 'manual',
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: isJson && text ? JSON.parse(text) : undefined,
    };
  }

  async function listen(path: string, options: CallOptions = {}): Promise<Listening> {
    const abort = new AbortController();
    const response = await fetch(url + path, { headers: headersOf(options), signal: abort.signal });
    const events = response.body ? eventsOf(response.body)[Symbol.asyncIterator]() : undefined;
    let settle: () => void;
    const ended = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const next = async (fits: (event: ServedEvent) => boolean = () => true) => {
      for (;;) {
        const result = await events?.next();
        if (!result || result.done) {
          settle();
          throw new Error('the stream has ended');
        }
        if (fits(result.value)) return result.value;
      }
    };
    return {
      // Read here, so that the response lives as long as this: Node cancels an unread body whose response is garbage.
      get status() {
        return response.status;
      },
      next,
      ended,
      [Symbol.asyncDispose]: async () => abort.abort(),
    };
  }
  return { url, call, listen };
}

/** What every refusal looks like. */
export function expectProblem(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, body: answer.json }).toEqual({
    status,
    body: expect.objectContaining({
      type: 'about:blank',
      title: expect.any(String),
      status,
      code,
      detail: expect.any(String),
    }),
  });
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
}

async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<ServedEvent> {
  let text = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream() as never)) {
    text += chunk;
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
      const data = field('data');
      const id = field('id');
      if (data === undefined) continue;
      yield { event: field('event') ?? 'message', ...(id !== undefined && { id }), data: JSON.parse(data) };
    }
  }
}
