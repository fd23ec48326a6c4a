import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { JetfleetError } from '../../jobs/errors.js';
import { type Logger, silentLogger } from '../../telemetry/logger.js';
import { type CallRates, checkRates } from '../api/call-rates.js';
import { readAtMost } from '../api/provider-api.js';
import { retryAfterOf, SimulatedLimits } from './call-limits.js';
import { type FaultInput, Faults, type FaultTarget } from './faults.js';
import { type LedgerEntry, SimulatedInstances, type SimulatorTimings } from './instances.js';
import { StartScripts } from './start-scripts.js';
import {
  type Answer,
  ok,
  RESET,
  type Reply,
  type RequestRecord,
  routed,
  type SimulatedWire,
  type WireOf,
} from './wire.js';

export const DEFAULT_SIMULATOR_API_KEY = 'simulator-key';
/** Longer than any client keeps an idle connection while it works. */
const IDLE_MS = 65_000;

const MAX_BODY_BYTES = 1024 * 1024;
const MAX_REQUEST_LOG = 10_000;

export interface SimulatorOptions {
  /** Defaults to 0: a free one. */
  port?: number;
  /** Defaults to `127.0.0.1`. */
  host?: string;
  /** The key that callers must send. Defaults to `simulator-key`. */
  apiKey?: string;
  /** Each defaults as in {@link SimulatorTimings}. */
  timings?: Partial<SimulatorTimings>;
  /** Requests beyond these are refused with 429, as the provider does it: `{ all: { max: 1, perMs: 1000 } }`. Defaults to none. */
  rateLimits?: CallRates;
  /** Whether start scripts of instances are really run, on this machine and in its network. Defaults to false. */
  runScripts?: boolean;
  logger?: Logger;
}

export interface RequestLog {
  /** The last 10,000, oldest first. */
  readonly log: readonly RequestRecord[];
  /** How many came since the start, of one route such as `GET /gpu/instances`, or of all. */
  count(route?: string): number;
  /** How many were refused by `rateLimits`. */
  readonly refused: number;
}

/**
 * A running simulated provider. Besides the API it serves, without a key, `GET|POST|DELETE /_simulator/faults`
 * (`DELETE` takes `?id=`) and `GET /_simulator/ledger`, so that programs in any language can inject faults.
 */
export class Simulator implements AsyncDisposable {
  readonly apiKey: string;
  readonly faults = new Faults();
  readonly requests: RequestLog;
  readonly #instances: SimulatedInstances;
  readonly #wire: SimulatedWire;
  readonly #scripts: StartScripts | undefined;
  readonly #log: RequestRecord[] = [];
  readonly #counts = new Map<string, number>();
  readonly #logger: Logger;
  readonly #limits: SimulatedLimits | undefined;
  readonly #server: Server;
  readonly #stopping = new AbortController();
  #url = '';
  #refused = 0;

  private constructor(wireOf: WireOf, options: SimulatorOptions) {
    const { apiKey = DEFAULT_SIMULATOR_API_KEY, timings, rateLimits, logger = silentLogger } = options;
    checkRates('rateLimits', rateLimits);
    this.#limits = rateLimits && new SimulatedLimits(rateLimits);
    this.apiKey = apiKey;
    this.#instances = new SimulatedInstances(timings);
    this.#wire = wireOf(this.#instances, this.faults);
    if (options.runScripts) this.#scripts = new StartScripts(this.#instances, apiKey);
    this.faults.lack(this.#wire.lacks ?? []);
    this.#logger = logger;
    const refused = () => this.#refused;
    this.requests = {
      log: this.#log,
      count: (route = '') => this.#counts.get(route) ?? 0,
      get refused() {
        return refused();
      },
    };
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        if (!this.#stopping.signal.aborted) this.#logger.error({ err: error }, 'simulator failed');
        request.socket.destroy();
      });
    });
    // Clients that are busy notice late that an idle connection was closed, and then a request is lost.
    this.#server.keepAliveTimeout = IDLE_MS;
  }

  /** @throws Error when the port cannot be used */
  static async start(wireOf: WireOf, options: SimulatorOptions): Promise<Simulator> {
    const simulator = new Simulator(wireOf, options);
    const server = simulator.#server;
    await once(server.listen(options.port ?? 0, options.host ?? '127.0.0.1'), 'listening');
    const { family, address, port } = server.address() as AddressInfo;
    simulator.#url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
    simulator.#logger.info({ url: simulator.#url }, 'simulated provider is up');
    return simulator;
  }

  /** Base URL for the adapter. */
  get url(): string {
    return this.#url;
  }

  get port(): number {
    return Number(new URL(this.#url).port);
  }

  /** Every action carried out, oldest first. */
  get ledger(): readonly LedgerEntry[] {
    return this.#instances.ledger;
  }

  /** The instances that are not removed: what the account is paying for. */
  live(): { id: string; name: string; status: string; region: string }[] {
    return this.#instances.live().map((instance) => ({
      id: instance.id,
      name: instance.name,
      status: this.#instances.status(instance) ?? 'removed',
      region: this.#wire.regionOf(instance),
    }));
  }

  /** Ends every connection, the held-back answers included. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#scripts?.close();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? '/', 'http://simulator');
    const query = Object.fromEntries(url.searchParams);
    const body = await readBody(incoming);
    if (url.pathname.startsWith('/_simulator/')) {
      return send(response, this.#control(`${incoming.method} ${url.pathname}`, query, body));
    }
    const { path, refusals, routesWithIds, encode } = this.#wire;
    if (!url.pathname.startsWith(path)) return send(response, refusals.noPath, encode);
    const { route, ids } = routed(routesWithIds, `${incoming.method} ${url.pathname.slice(path.length)}`);
    const record: RequestRecord = { at: new Date().toISOString(), route, query: { ...query, ...ids }, body };
    this.#recordRequest(record);
    const isAuthorised = incoming.headers.authorization === `Bearer ${this.apiKey}`;
    const { refusal, headers } = isAuthorised ? this.#limit(route) : {};
    const reply = refusal ?? (isAuthorised ? await this.#answerWithFaults(record) : refusals.unauthorised);
    this.#scripts?.followUp();
    if (reply === RESET) incoming.socket.destroy();
    else send(response, headers ? { ...reply, headers: { ...headers, ...reply.headers } } : reply, encode);
  }

  #limit(route: string): { refusal?: Answer; headers?: Record<string, string> } {
    const { operations, refusals, beyond, quotaHeaders } = this.#wire;
    const operation = operations[route];
    const taken = operation && this.#limits?.take(operation);
    if (!taken) return {};
    const headers = quotaHeaders?.(taken.quotas) ?? {};
    const { refusedBy } = taken;
    if (!refusedBy) return { headers };
    this.#refused += 1;
    const refusal = beyond?.(refusedBy) ?? { ...refusals.tooMany, headers: retryAfterOf(refusedBy) };
    return { refusal, headers };
  }

  #recordRequest(record: RequestRecord): void {
    if (this.#log.length >= MAX_REQUEST_LOG) this.#log.shift();
    this.#log.push(record);
    for (const key of ['', record.route]) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  async #answerWithFaults(request: RequestRecord): Promise<Reply> {
    const target = this.#wire.targetOf(request);
    const slow = this.faults.take('slow', target);
    const wait = () => delay(slow?.delayMs, undefined, { signal: this.#stopping.signal });
    if (slow?.when === 'before') await wait();
    if (this.faults.take('reset', target)) return RESET;
    const reply = this.#replyTo(request, target);
    if (slow?.when === 'after') await wait();
    return reply;
  }

  #replyTo(request: RequestRecord, target: FaultTarget): Reply {
    const limited = this.faults.take('rate_limited', target);
    if (limited) {
      const headers = { 'retry-after': String(limited.retryAfter) };
      return { ...this.#wire.refusals.tooMany, headers };
    }
    const error = this.faults.take('error', target);
    if (error) {
      const { status, code, message, body } = error;
      return body === undefined ? this.#wire.refuse(status, code, message) : { status, body };
    }
    const scripted = this.faults.take('answer', target);
    const reply = scripted?.when === 'instead' ? RESET : this.#wire.answer(request);
    return scripted ?? reply;
  }

  #control(route: string, query: Record<string, string>, body: unknown): Answer {
    switch (route) {
      case 'GET /_simulator/faults':
        return ok({ faults: this.faults.list() });
      case 'DELETE /_simulator/faults':
        return ok({ cleared: this.faults.clear(query.id) });
      case 'GET /_simulator/ledger':
        return ok({ ledger: this.ledger, live: this.live() });
      case 'POST /_simulator/faults':
        try {
          return { status: 201, body: this.faults.add(body as FaultInput) };
        } catch (error) {
          if (!JetfleetError.is(error)) throw error;
          return { status: 400, body: { message: error.message, problems: error.problems } };
        }
      default:
        return { status: 404, body: { message: `no route ${route}` } };
    }
  }
}

async function readBody(incoming: IncomingMessage): Promise<unknown> {
  const body = await readAtMost(MAX_BODY_BYTES, 'the body', incoming);
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, answer: Answer, encode = (json: string) => json): void {
  const { status, body, headers = {}, cutAfterBytes, dribbleMs } = answer;
  const isText = typeof body === 'string';
  const text = isText ? body : body === undefined ? '' : encode(JSON.stringify(body));
  response.writeHead(status, {
    'content-type': isText ? 'text/plain' : 'application/json',
    ...(cutAfterBytes !== undefined && { 'content-length': Buffer.byteLength(text) }),
    ...headers,
  });
  if (cutAfterBytes !== undefined) {
    response.write(Buffer.from(text).subarray(0, cutAfterBytes), () => response.destroy());
  } else if (dribbleMs !== undefined) {
    response.write(text);
    const timer = setInterval(() => response.write(' '), dribbleMs);
    response.once('close', () => clearInterval(timer));
  } else response.end(text);
}
