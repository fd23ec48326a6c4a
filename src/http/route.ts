import { type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { BrokerError, JetfleetError, ValidationError } from '../jobs/errors.js';
import { decodeUtf8, parseExactJson } from '../jobs/exact-json.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import type { Access, ApiEnv } from './access.js';
import { audited } from './audited.js';
import { problemSchema } from './problem.js';
import type { Role } from './tokens.js';

/** What routes are added to. */
export interface Routes {
  app: OpenAPIHono<ApiEnv>;
  access: Access;
  queue: JobQueueService;
}

/**
 * A route: who may use it is decided first, then its body is read, then everything is checked. The checks and the OpenAPI
 * document are both made from it.
 */
interface Route<Q extends z.ZodType, P extends z.ZodType, B extends z.ZodType> {
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
  /**
   * Whether the audit trail says who has used it. `before`: it must be written down first. Defaults to true for `post`, once it is
   * done; false for what programs do all the time, and for what changes nothing.
   */
  audit?: boolean | 'before';
  /** For the OpenAPI document; the route reads them itself. */
  headers?: z.ZodObject;
  /** A body may be left out where its schema takes `undefined`. */
  body?: { schema: B; maxBytes: number };
  answers: Record<number, Answer>;
  handle(call: Call<Q, P, B>): Response | Promise<Response>;
}

interface Answer {
  description: string;
  schema?: z.ZodType;
  /** Defaults to `application/json`. */
  mediaType?: string;
  /** Whether it is plain text for who asks for that. Defaults to false. */
  orText?: boolean;
}

/** A checked request. */
interface Call<Q, P, B> {
  c: Context<ApiEnv>;
  query: z.output<Q>;
  params: z.output<P>;
  body: z.output<B>;
}

export function addRoute<
  Q extends z.ZodType = z.ZodUndefined,
  P extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
>({ app, access, queue }: Routes, route: Route<Q, P, B>): void {
  const { method, path, tag, summary, role, query, params, headers, body, needsBroker = true } = route;
  const { audit = method === 'post' } = route;
  app.openAPIRegistry.registerPath({
    method,
    path,
    tags: [tag],
    summary,
    operationId: operationId(method, path),
    'x-role': role,
    'x-audited': audit !== false,
    security: role === 'open' ? [] : [{ bearer: [] }],
    request: {
      ...(query && { query: query as z.ZodType as z.ZodObject }),
      ...(params && { params: params as z.ZodType as z.ZodObject }),
      ...(headers && { headers }),
      ...(body && {
        body: {
          content: { 'application/json': { schema: body.schema } },
          required: !body.schema.safeParse(undefined).success,
        },
      }),
    },
    responses: responsesOf(route.answers),
  });
  const middleware: MiddlewareHandler<ApiEnv>[] = [];
  if (role !== 'open') middleware.push(access.needs(role));
  if (needsBroker) middleware.push(brokerThere(queue));
  if (body) middleware.push(limitBody(body.maxBytes));
  app.on([method], [path.replaceAll(/\{(\w+)\}/g, ':$1')], ...middleware, async (c) => {
    const call: Call<Q, P, B> = {
      c,
      query: checked('query', query, queryOf(c)),
      params: checked('path', params, c.req.param()),
      body: checked('body', body?.schema, body && (await readJson(c))),
    };
    if (audit === false) return route.handle(call);
    return audited(queue, { path, when: audit === 'before' ? 'before' : 'after' }, call, () =>
      route.handle(call),
    );
  });
}

/** @throws ValidationError `JETFLEET_HTTP_INVALID` with every fault by its path */
function checked<S extends z.ZodType>(part: string, schema: S | undefined, value: unknown): z.output<S> {
  if (!schema) return undefined as z.output<S>;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => ({
    path: path.map(String).join('.'),
    message,
  }));
  const [first] = problems;
  throw new ValidationError(
    'JETFLEET_HTTP_INVALID',
    `the ${part} of the request: ${first?.path ? `${first.path}: ` : ''}${first?.message}`,
    { problems },
  );
}

/** A name that comes twice has all its values. */
function queryOf(c: Context): unknown {
  const values = Object.entries(c.req.queries());
  return Object.fromEntries(values.map(([name, each]) => [name, each.length === 1 ? each[0] : each]));
}

const JSON_TYPE = /^application\/([\w.-]+\+)?json\s*(;|$)/i;

/** What a body holds arrives as it was sent, or is refused. Undefined where there is none. */
async function readJson(c: Context): Promise<unknown> {
  const text = decodeUtf8(new Uint8Array(await c.req.arrayBuffer()));
  if (text === '') return undefined;
  if (!JSON_TYPE.test(c.req.header('content-type') ?? '')) {
    throw new JetfleetError('JETFLEET_HTTP_MEDIA_TYPE', 'the body of the request must be application/json');
  }
  try {
    return parseExactJson(text);
  } catch (error) {
    if (error instanceof ValidationError) throw error;
    throw new ValidationError('JETFLEET_BODY_NOT_JSON', 'the body of the request is not valid JSON');
  }
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
  const words =
    path
      .replace('/api/v1', '')
      .replace('{', 'by-')
      .match(/[A-Za-z0-9]+/g) ?? [];
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

function limitBody(maxSize: number): MiddlewareHandler {
  return bodyLimit({
    maxSize,
    onError: () => {
      throw new JetfleetError('JETFLEET_HTTP_BODY_TOO_LARGE', `the body may have ${maxSize} bytes at most`);
    },
  });
}

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
