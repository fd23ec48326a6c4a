import { OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { accountsOf } from '../instances/accounts.js';
import { assertCallbackSecret } from '../instances/callback-token.js';
import { Instances } from '../instances/instances.js';
import type { OrphanOptions } from '../instances/orphans.js';
import { defined } from '../jobs/defined.js';
import { JetfleetError } from '../jobs/errors.js';
import { checkInteger } from '../jobs/numbers.js';
import { assertOptions, assertTexts, checkText, type OptionNames } from '../jobs/options.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import { assertQueue } from '../queue/queue-connection.js';
import type { Logger } from '../telemetry/logger.js';
import { packageVersion } from '../telemetry/version.js';
import { WebhookEndpoints } from '../webhooks/endpoints/webhook-endpoints.js';
import { Access, type ApiEnv } from './access.js';
import { DashboardFiles } from './dashboard-files.js';
import { EventStreams } from './event-streams.js';
import { FleetCollector } from './fleet-collector.js';
import { LiveCollector } from './live-collector.js';
import { Metrics } from './metrics.js';
import { problemOf, problemResponse } from './problem.js';
import { addRoute, type Routes } from './route.js';
import { auditRoutes } from './routes/audit.js';
import { bulkRoutes } from './routes/bulk.js';
import { cleanupRoutes } from './routes/cleanup.js';
import { deadLetterRoutes } from './routes/dead-letters.js';
import { familyRoutes } from './routes/families.js';
import { flowRoutes } from './routes/flows.js';
import { healthRoutes, Readiness } from './routes/health.js';
import { instanceRoutes } from './routes/instances.js';
import { jobChangeRoutes } from './routes/job-changes.js';
import { jobRoutes } from './routes/jobs.js';
import { leaseRoutes } from './routes/leases.js';
import { ledgerRoutes } from './routes/ledger.js';
import { limitRoutes } from './routes/limits.js';
import { liveRoutes } from './routes/live.js';
import { machineRoutes } from './routes/machines.js';
import { pauseRoutes } from './routes/pauses.js';
import { providerRoutes } from './routes/providers.js';
import { reportRoutes } from './routes/reports.js';
import { scaleRoutes } from './routes/scale.js';
import { scheduleRoutes } from './routes/schedules.js';
import { shareRoute } from './routes/share.js';
import { signalRoutes } from './routes/signals.js';
import { statsRoutes } from './routes/stats.js';
import { statsHistoryRoutes } from './routes/stats-history.js';
import { stepRoutes } from './routes/steps.js';
import { streamRoutes } from './routes/streams.js';
import { webhookEndpointRoutes } from './routes/webhook-endpoints.js';
import { webhookKeyRoutes } from './routes/webhook-keys.js';
import { webhookRoutes } from './routes/webhooks.js';
import { workerRoutes } from './routes/workers.js';
import { type HttpToken, parseTokens } from './tokens.js';

export interface HttpApiOptions {
  /** Who may do what. Defaults to those of JETFLEET_HTTP_TOKEN. */
  tokens?: readonly HttpToken[];
  /**
   * Whether everybody who can connect may do everything, when there are no tokens: only where nobody but this machine
   * can. Requests that name another host, or come from another site's page, are refused then. Defaults to false.
   */
  local?: boolean;
  /** Names of this machine besides `localhost`, `127.0.0.1` and `[::1]`, where no tokens are needed. */
  allowedHosts?: readonly string[];
  /** What the dashboard calls this queue, such as `production`. */
  environment?: string;
  /** Whether the dashboard is served on the paths that the API does not have. Defaults to true. */
  dashboard?: boolean;
  /** `whpk_…`: the public keys of webhooks, served at `/.well-known/webhooks.json`. Defaults to none. */
  webhookPublicKeys?: readonly string[];
  /** 16 characters or more: with it `/callbacks/instances/{id}` takes tokens of `callbackToken`. Defaults to none: callbacks are refused. */
  callbackSecret?: string;
  /** The accounts that `/api/v1/ledger/reconcile` and `/api/v1/orphans` ask. Defaults to none: they are refused. */
  provider?: OrphanOptions['provider'];
  /** Live streams that may be open at once for each token. Defaults to 64. */
  maxStreamsPerToken?: number;
  /** A pino logger, or anything of its shape. Defaults to the queue's. */
  logger?: Logger;
}

export const API_OPTIONS: OptionNames<Required<HttpApiOptions>> = {
  tokens: true,
  local: true,
  allowedHosts: true,
  environment: true,
  dashboard: true,
  webhookPublicKeys: true,
  callbackSecret: true,
  provider: true,
  maxStreamsPerToken: true,
  logger: true,
};

/** The API of one queue, for any server that speaks the Fetch API's `Request` and `Response`. */
export interface HttpApi {
  /** @param from the address of the caller, by which guesses of tokens are slowed; without it all count as one caller */
  fetch(request: Request, from?: { address?: string | undefined }): Promise<Response>;
  /** From now on `/readyz` answers 503, so that balancers send nobody here any more. */
  drain(): void;
  /** Ends the streams that are open. The queue stays open: it is the caller's. */
  close(): Promise<void>;
}

/**
 * The HTTP API of a queue, to be mounted in any app at its root.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for an option that cannot be used, and without any token, unless it is `local`,
 *   `JETFLEET_WEBHOOK_SECRET_INVALID`
 */
export function createHttpApi(queue: JobQueueService, options: HttpApiOptions = {}): HttpApi {
  assertQueue(queue);
  assertOptions('options', options, API_OPTIONS);
  const { tokens = parseTokens(process.env.JETFLEET_HTTP_TOKEN), local = false, allowedHosts = [] } = options;
  const { maxStreamsPerToken = 64 } = options;
  const { webhookPublicKeys: publicKeys = [] } = options;
  const { callbackSecret, provider } = options;
  if (provider !== undefined) accountsOf(provider);
  if (callbackSecret !== undefined) assertCallbackSecret(callbackSecret);
  assertTexts('allowedHosts', allowedHosts);
  assertTexts('webhookPublicKeys', publicKeys);
  checkInteger('maxStreamsPerToken', maxStreamsPerToken, 1);
  checkText('environment', options.environment);
  const logger = queue.userCode.guard(options.logger ?? queue.logger);
  const access = new Access({ tokens, local, allowedHosts });
  const app = new OpenAPIHono<ApiEnv>();
  app.use(securityHeaders());
  app.use(access.guard());
  app.onError((thrown, c) => {
    const problem = problemOf(thrown);
    if (problem.status >= 500) logger.warn({ err: thrown, code: problem.code }, 'a request failed');
    return problemResponse(problem, closing(c));
  });
  const routes: Routes = { app, access, queue };
  const endpoints = endpointsOf(queue);
  const streams = new EventStreams(maxStreamsPerToken);
  const instances = instancesOf(queue);
  const metrics = new Metrics(queue, logger, endpoints, instances.ledger);
  const collector = new LiveCollector(queue, logger, (record, times) => metrics.observe(record, times));
  const fleet = new FleetCollector(queue, logger);
  const readiness = new Readiness(queue);
  jobRoutes(routes);
  jobChangeRoutes(routes);
  bulkRoutes(routes);
  cleanupRoutes(routes);
  auditRoutes(routes);
  const ofInstances = { ...routes, instances, ...defined({ callbackSecret }) };
  instanceRoutes(ofInstances);
  leaseRoutes(ofInstances);
  ledgerRoutes({ ...ofInstances, ...defined({ provider }) });
  signalRoutes(routes);
  flowRoutes(routes);
  familyRoutes(routes);
  statsRoutes({ ...routes, environment: options.environment });
  statsHistoryRoutes(routes);
  scaleRoutes(routes);
  deadLetterRoutes(routes);
  pauseRoutes(routes);
  scheduleRoutes(routes);
  limitRoutes(routes, endpoints);
  providerRoutes(routes);
  workerRoutes(routes);
  webhookRoutes(routes);
  webhookEndpointRoutes({ ...routes, endpoints });
  webhookKeyRoutes({ ...routes, publicKeys });
  machineRoutes({ ...routes, fleet });
  streamRoutes(routes);
  liveRoutes({ ...routes, streams, collector, fleet });
  stepRoutes(routes);
  shareRoute(routes);
  reportRoutes({ ...routes, streams });
  healthRoutes({ ...routes, readiness, metrics, collector });
  openApiRoute(routes);
  const files = options.dashboard === false ? undefined : new DashboardFiles();
  app.notFound((c) => {
    const page = files?.respond(c);
    if (page) return page;
    const methods = methodsAt(app, c.req.path).filter((method) => method !== c.req.method);
    if (methods.length === 0) {
      const nothing = new JetfleetError('JETFLEET_HTTP_NOT_FOUND', 'there is nothing at this path');
      return problemResponse(problemOf(nothing), closing(c));
    }
    const wrong = new JetfleetError('JETFLEET_HTTP_METHOD', `this path takes ${methods.join(', ')}`);
    return problemResponse(problemOf(wrong), { allow: methods.join(', '), ...closing(c) });
  });
  return {
    fetch: async (request, from = {}) => app.fetch(request, from),
    drain: () => {
      readiness.isDraining = true;
    },
    close: async () => {
      collector.close();
      fleet.close();
      streams.close();
    },
  };
}

/** Those of the product's queue, which knows the keys of their secrets. */
function endpointsOf(queue: JobQueueService & { webhookEndpoints?: WebhookEndpoints }): WebhookEndpoints {
  return queue.webhookEndpoints ?? new WebhookEndpoints(queue, process.env.JETFLEET_WEBHOOK_KEYS);
}

function instancesOf(queue: JobQueueService & { instances?: Instances }): Instances {
  return queue.instances ?? new Instances(queue);
}

/** The rest of a body that nobody reads would stand before the next request of its connection. */
function closing(c: Context): Record<string, string> {
  const length = c.req.header('content-length') ?? '0';
  const hasBody = length !== '0' || c.req.header('transfer-encoding') !== undefined;
  return hasBody && !c.req.raw.bodyUsed ? { connection: 'close' } : {};
}

/** The methods that some route has for a path. */
function methodsAt(app: OpenAPIHono<ApiEnv>, path: string): string[] {
  const fits = (pattern: string) =>
    new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll(/:[^/]+/g, '[^/]+')}$`).test(path);
  const methods = app.routes.filter((route) => route.method !== 'ALL' && fits(route.path));
  return [...new Set(methods.map(({ method }) => method))];
}

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "form-action 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'cache-control': 'no-store',
};

/** Adds the headers that keep browsers from doing what nobody meant; a route's own win. */
function securityHeaders(): MiddlewareHandler {
  return async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(HEADERS)) {
      if (!c.res.headers.has(name)) c.res.headers.set(name, value);
    }
  };
}

const documentSchema = z.looseObject({
  openapi: z.string(),
  info: z.looseObject({ title: z.string(), version: z.string() }),
  paths: z.record(z.string(), z.any()),
});

/** `/openapi.json`, made from the routes that stand when it is first asked for. */
function openApiRoute(routes: Routes): void {
  const { app } = routes;
  let document: object | undefined;
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'A token of JETFLEET_HTTP_TOKEN; x-role says which role a path needs at least.',
  });
  addRoute(routes, {
    method: 'get',
    path: '/openapi.json',
    tag: 'Server',
    summary: 'This document',
    role: 'open',
    needsBroker: false,
    answers: { 200: { description: 'OpenAPI 3.1', schema: documentSchema } },
    handle: ({ c }) => {
      document ??= app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: {
          title: 'Jetfleet',
          version: packageVersion(),
          description: 'Jobs, workers, webhooks and state machines of one queue.',
          license: { name: 'MIT' },
        },
        servers: [{ url: '/' }],
      });
      return c.json(document);
    },
  });
}
