import { isIP, type Socket } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { JetfleetError } from '../jobs/errors.js';
import { checkInteger, MAX_TIMER_MS } from '../jobs/numbers.js';
import { assertOptions, checkText, type OptionNames } from '../jobs/options.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import { DEFAULT_HISTORY_INTERVAL_MS, HistoryKeeper } from '../upkeep/history-keeper.js';
import { DEFAULT_RETENTION_INTERVAL_MS, RetentionKeeper } from '../upkeep/retention.js';
import { API_OPTIONS, createHttpApi, type HttpApiOptions } from './api.js';
import { parseTokens } from './tokens.js';

export interface HttpServerOptions extends Omit<HttpApiOptions, 'local'> {
  /** Address to listen at. Defaults to `127.0.0.1`; any but this machine's own needs tokens. */
  host?: string;
  /** 0 takes a free one. Defaults to 8080. */
  port?: number;
  /** How long `close` waits for requests that are under way. Defaults to 5,000. */
  closeTimeoutMs?: number;
  /** How long the headers of a request may take to come, at most `requestTimeoutMs`. Defaults to 20,000. */
  headersTimeoutMs?: number;
  /** How long a whole request may take to come, its body included. Defaults to 60,000. */
  requestTimeoutMs?: number;
  /** How long an answer waits for a reader that reads none of it. Defaults to 120,000. */
  unreadTimeoutMs?: number;
  /**
   * How long a connection without a request stays open. Longer than a load balancer in front keeps it, or that sends a
   * request into a connection that is being closed. Defaults to 65,000.
   */
  idleTimeoutMs?: number;
  /**
   * How often the server removes the ended jobs that the `retention` of their types lets go, in milliseconds; `false`: never. Defaults to
   * 300,000.
   */
  retentionIntervalMs?: number | false;
  /** How often the server brings the history of rates and times up to date, in milliseconds; `false`: never. Defaults to 10,000. */
  historyIntervalMs?: number | false;
}

const { local: _, ...OF_API } = API_OPTIONS;
const SERVER_OPTIONS: OptionNames<Required<HttpServerOptions>> = {
  ...OF_API,
  host: true,
  port: true,
  closeTimeoutMs: true,
  headersTimeoutMs: true,
  requestTimeoutMs: true,
  unreadTimeoutMs: true,
  idleTimeoutMs: true,
  retentionIntervalMs: true,
  historyIntervalMs: true,
};

/** How late a request that takes too long may end. */
const CHECK_MS = 1_000;
/** How often a server that closes ends connections that have become idle. */
const CLOSE_IDLE_MS = 20;

/** A server that listens. */
export interface HttpServer extends AsyncDisposable {
  url: string;
  port: number;
  /** From now on `/readyz` answers 503. */
  drain(): void;
  /** Ends streams, lets requests that are under way end, and stops listening. */
  close(): Promise<void>;
}

/**
 * Serves the API and the dashboard of a queue. The queue stays the caller's to close.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for a port or a time that is none
 * @throws JetfleetError `JETFLEET_HTTP_ADDRESS` when it cannot listen there, or may not without tokens
 */
export async function startHttpServer(
  queue: JobQueueService,
  options: HttpServerOptions = {},
): Promise<HttpServer> {
  assertOptions('options', options, SERVER_OPTIONS);
  const {
    host = '127.0.0.1',
    port = 8080,
    closeTimeoutMs = 5_000,
    headersTimeoutMs = 20_000,
    requestTimeoutMs = 60_000,
    unreadTimeoutMs = 120_000,
    idleTimeoutMs = 65_000,
    retentionIntervalMs = DEFAULT_RETENTION_INTERVAL_MS,
    historyIntervalMs = DEFAULT_HISTORY_INTERVAL_MS,
    ...ofApi
  } = options;
  checkText('host', host);
  checkInteger('port', port, 0, 65_535);
  checkInteger('closeTimeoutMs', closeTimeoutMs, 0, MAX_TIMER_MS);
  checkInteger('requestTimeoutMs', requestTimeoutMs, 1, MAX_TIMER_MS);
  checkInteger('headersTimeoutMs', headersTimeoutMs, 1, requestTimeoutMs);
  checkInteger('unreadTimeoutMs', unreadTimeoutMs, 1, MAX_TIMER_MS);
  checkInteger('idleTimeoutMs', idleTimeoutMs, 1, MAX_TIMER_MS);
  if (retentionIntervalMs !== false)
    checkInteger('retentionIntervalMs', retentionIntervalMs, 1, MAX_TIMER_MS / 2);
  if (historyIntervalMs !== false) checkInteger('historyIntervalMs', historyIntervalMs, 1, MAX_TIMER_MS / 2);
  const tokens = options.tokens ?? parseTokens(process.env.JETFLEET_HTTP_TOKEN);
  if (tokens.length === 0 && !isLoopback(host)) {
    throw new JetfleetError(
      'JETFLEET_HTTP_ADDRESS',
      `without tokens only this machine is served, and ${host} is not a loopback address; set JETFLEET_HTTP_TOKEN, or listen at 127.0.0.1`,
    );
  }
  const api = createHttpApi(queue, { ...ofApi, tokens, local: true });
  const server = createAdaptorServer({
    fetch: (request, { incoming }) => api.fetch(request, { address: incoming.socket?.remoteAddress }),
    // A request whose headers or body never end must not hold a connection. Node looks every 30 s by itself.
    serverOptions: {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: idleTimeoutMs,
      connectionsCheckingInterval: Math.min(CHECK_MS, headersTimeoutMs),
    },
  }) as import('node:http').Server;
  const underWay = new WeakMap<Socket, number>();
  server.on('request', ({ socket }, response) => {
    const count = (change: number) => underWay.set(socket, (underWay.get(socket) ?? 0) + change);
    count(1);
    response.once('close', () => count(-1));
  });
  // Whoever asks for much and reads none of it must not keep it in memory. Node leaves idle connections to this as well.
  server.setTimeout(unreadTimeoutMs, (socket: Socket) => {
    if (socket.writableLength > 0 || !underWay.get(socket)) socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = `cannot listen at ${host}:${port}: ${cause.code ?? cause.message}; choose another port with --http-port, 0 takes a free one`;
      reject(new JetfleetError('JETFLEET_HTTP_ADDRESS', why, { cause }));
    });
    server.listen(port, host, resolve);
  });
  const logger = queue.userCode.guard(options.logger ?? queue.logger);
  const retention =
    retentionIntervalMs === false
      ? undefined
      : new RetentionKeeper({ queue, logger, intervalMs: retentionIntervalMs });
  retention?.start();
  const history =
    historyIntervalMs === false
      ? undefined
      : new HistoryKeeper({ queue, logger, intervalMs: historyIntervalMs });
  history?.start();
  const bound = (server.address() as import('node:net').AddressInfo).port;
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      api.drain();
      const kept = Promise.all([retention?.stop(), history?.stop()]);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await api.close();
      // A connection whose request is under way becomes idle when that ends, and its client may keep it open.
      const idle = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_MS);
      const timer = setTimeout(() => server.closeAllConnections(), closeTimeoutMs);
      await Promise.all([closed, kept]);
      clearInterval(idle);
      clearTimeout(timer);
    })();
    return closing;
  };
  const url = `http://${isIP(host) === 6 ? `[${host}]` : host}:${bound}`;
  return { url, port: bound, drain: () => api.drain(), close, [Symbol.asyncDispose]: close };
}

/** Whether only this machine can connect to an address. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
