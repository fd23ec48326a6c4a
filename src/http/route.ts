import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { BrokerError, JetfleetError, ValidationError } from '../jobs/errors.js';
import { decodeUtf8, parseExactJson } from '../jobs/exact-json.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import type { Access, ApiEnv } from './access.js';
import type { Role } from './role.js';
import { problemSchema } from './schemas/problem.js';

/** What routes are added to. */
export interface Routes {
  app: OpenAPIHono<ApiEnv>;
  access: Access;
  queue: JobQueueService;
}

type Shape = z.ZodType | undefined;
type OutputOf<S extends Shape> = S extends z.ZodType ? z.output<S> : undefined;

/** What a route needs and answers: the checks and the OpenAPI document are both made from it. */
export interface RouteSpec<Q extends Shape, P extends Shape, B extends Shape> {
  method: 'get' | 'post';
  /** As in OpenAPI: `/api/v1/jobs/{id}`. */
  path: string;
  tag: string;
  summary: string;
  /** The least role that may use it; `open` to everybody. */
  role: Role | 'open';
  /** Whether it answers 503 at once while the broker is away. Defaults to true. */
  needsBroker?: boolean;
  query?: Q;
  params?: P;
  headers?: z.ZodObject;
  body?: { schema: B & z.ZodType; maxBytes: number; required?: boolean };
  answers: Record<number, Answer>;
}

export interface Answer {
  description: string;
  schema?: z.ZodType;
  /** Defaults to `application/json`. */
  mediaType?: string;
  /** Whether it is plain text for who asks for that. Defaults to false. */
  orText?: boolean;
}

/** A checked request. */
export interface Call<Q extends Shape, P extends Shape, B extends Shape> {
  c: Context<ApiEnv>;
  query: OutputOf<Q>;
  params: OutputOf<P>;
  /** Undefined when it is optional and was left out. */
  body: OutputOf<B>;
}

/** Adds a route: who may use it is decided first, then the body is read, then everything is checked. */
export function addRoute<
  Q extends Shape = undefined,
  P extends Shape = undefined,
  B extends Shape = undefined,
>(
  { app, access, queue }: Routes,
  spec: RouteSpec<Q, P, B>,
  handle: (call: Call<Q, P, B>) => Response | Promise<Response>,
): void {
  const { method, path, tag, summary, role, query, params, headers, body, needsBroker = true } = spec;
  const middleware: MiddlewareHandler[] = [];
  if (role !== 'open') middleware.push(access.needs(role));
  if (needsBroker) middleware.push(brokerThere(queue));
  if (body) middleware.push(limitBody(body.maxBytes), exactBody);
  const content = body && { 'application/json': { schema: body.schema } };
  const route = createRoute({
    method,
    path,
    tags: [tag],
    summary,
    operationId: operationId(method, path),
    'x-role': role,
    ...(role === 'open' ? { security: [] } : { security: [{ bearer: [] }] }),
    request: {
      ...(query && { query: query as z.ZodObject }),
      ...(params && { params: params as z.ZodObject }),
      ...(headers && { headers }),
      ...(body && content && { body: { content, required: body.required ?? true } }),
    },
    responses: responsesOf(spec.answers),
    middleware: middleware as MiddlewareHandler[],
  });
  app.openapi(route, (async (c: Context<ApiEnv>) => {
    const valid = (part: string) => c.req.valid(part as never) as unknown;
    return handle({
      c,
      query: (query && valid('query')) as OutputOf<Q>,
      params: (params && valid('param')) as OutputOf<P>,
      body: (body && valid('json')) as OutputOf<B>,
    });
  }) as never);
}

function responsesOf(answers: Record<number, Answer>) {
  const told = Object.entries(answers).map(([status, { description, schema, mediaType, orText }]) => {
    const content = {
      ...(schema && { [mediaType ?? 'application/json']: { schema } }),
      ...(orText && { 'text/plain': { schema: z.string() } }),
    };
    return [status, { description, ...(Object.keys(content).length > 0 && { content }) }];
  });
  const problem = {
    description: 'A problem (RFC 9457)',
    content: { 'application/problem+json': { schema: problemSchema } },
  };
  return { ...Object.fromEntries(told), default: problem };
}

/** `getJobsById` for `GET /api/v1/jobs/{id}`. */
function operationId(method: string, path: string): string {
  const words = path.replace('/api/v1', '').match(/\{?[A-Za-z0-9]+/g) ?? [];
  return [
    method,
    ...words.map((word) => {
      const name = word.replace('{', '');
      return `${word.startsWith('{') ? 'By' : ''}${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    }),
  ].join('');
}

function limitBody(maxSize: number): MiddlewareHandler {
  return bodyLimit({
    maxSize,
    onError: () => {
      throw new JetfleetError('JETFLEET_HTTP_BODY_TOO_LARGE', `the body may have ${maxSize} bytes at most`);
    },
  });
}

/** What a body holds arrives as it was sent, or is refused. What is no JSON at all is the route's to say. */
const exactBody: MiddlewareHandler = async (c, next) => {
  const text = decodeUtf8(new Uint8Array(await c.req.arrayBuffer()));
  try {
    if (text !== '') parseExactJson(text);
  } catch (error) {
    if (error instanceof ValidationError) throw error;
  }
  await next();
};

function brokerThere(queue: JobQueueService): MiddlewareHandler {
  return async (_, next) => {
    if (queue.isConnected === false) {
      throw new BrokerError('JETFLEET_BROKER_UNREACHABLE', 'the broker is away; try again', {
        retryable: true,
      });
    }
    await next();
  };
}
