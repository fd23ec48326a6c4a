import { z } from '@hono/zod-openapi';
import { defined } from '../../jobs/defined.js';
import {
  type EndpointChange,
  endpointChange,
  endpointSettings,
  FORMATS,
  type NewEndpoint,
} from '../../webhooks/endpoints/endpoint.js';
import type { RotateSecretOptions, WebhookEndpoints } from '../../webhooks/endpoints/webhook-endpoints.js';
import { addRoute, type Routes } from '../route.js';

const tag = 'Webhooks';
const MAX_BYTES = 100_000;
const idSchema = z.string().regex(/^[A-Za-z0-9_-]{1,40}$/, 'must be 1 to 40 of A-Z a-z 0-9 _ -');
const params = z.object({ id: idSchema.openapi({ param: { name: 'id', in: 'path' }, example: 'billing' }) });
const secretSchema = z
  .string()
  .max(200)
  .optional()
  .openapi({ description: 'whsec_... or whsk_...; a new whsec_ where it is left out' });

const endpointSchema = z
  .object({
    id: z.string(),
    url: z.string(),
    description: z.string().optional(),
    events: z.array(z.string()),
    concurrency: z.number().int(),
    rate: z.object({ max: z.number().int(), perMs: z.number().int() }).optional(),
    ordered: z.boolean(),
    format: z.enum(FORMATS),
    keep: z.object({ maxAgeMs: z.number(), maxCount: z.number().int() }),
    createdAt: z.string(),
    updatedAt: z.string(),
    state: z.enum(['closed', 'open', 'halfOpen', 'disabled']).openapi({
      description: 'closed: webhooks go out; open, halfOpen: it rests, or is tried; disabled: they are kept',
    }),
    health: z.object({
      failures: z.number().int(),
      rests: z.number().int(),
      failingSince: z.string().optional(),
      lastFailureAt: z.string().optional(),
      error: z.string().optional(),
      openUntil: z.string().optional(),
      probeUntil: z.string().optional(),
      alertedAt: z.string().optional(),
      disabledAt: z.string().optional(),
      disabledBy: z.enum(['user', 'gone', 'failing']).optional(),
      reason: z.string().optional(),
    }),
    kept: z.object({ count: z.number().int(), oldestAt: z.string().optional() }),
    headerNames: z.array(z.string()).optional(),
    secrets: z
      .array(z.object({ since: z.string(), until: z.string().optional(), publicKey: z.string().optional() }))
      .optional(),
  })
  .openapi('WebhookEndpoint');
const addedSchema = endpointSchema
  .extend({ secret: z.string().openapi({ description: 'Shown this one time' }) })
  .openapi('AddedWebhookEndpoint');

type EndpointRoutes = Routes & { endpoints: WebhookEndpoints };

/** `/api/v1/webhook-endpoints`: where webhooks go besides the addresses of jobs. */
export function webhookEndpointRoutes(routes: EndpointRoutes): void {
  readRoutes(routes);
  settingRoutes(routes);
  stateRoutes(routes);
}

function readRoutes(routes: EndpointRoutes): void {
  const { endpoints } = routes;
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/webhook-endpoints',
    tag,
    summary: 'All endpoints, with how they fare; without their secrets',
    role: 'observer',
    answers: { 200: { description: 'By id', schema: z.object({ endpoints: z.array(endpointSchema) }) } },
    handle: async ({ c }) => c.json({ endpoints: await endpoints.list() }),
  });
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/webhook-endpoints/{id}',
    tag,
    summary: 'One endpoint',
    role: 'observer',
    params,
    answers: { 200: { description: 'The endpoint', schema: endpointSchema } },
    handle: async ({ c, params: { id } }) => c.json(await endpoints.get(id)),
  });
}

function settingRoutes(routes: EndpointRoutes): void {
  const { endpoints } = routes;
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/webhook-endpoints',
    tag,
    summary: 'Add an endpoint; the answer has its secret, this one time',
    role: 'admin',
    body: {
      schema: endpointSettings.extend({ id: idSchema.optional(), secret: secretSchema }),
      maxBytes: MAX_BYTES,
    },
    answers: { 201: { description: 'The endpoint', schema: addedSchema } },
    handle: async ({ c, body }) => {
      const added = await endpoints.add(defined(body) as NewEndpoint);
      c.header('location', `/api/v1/webhook-endpoints/${added.id}`);
      return c.json(added, 201);
    },
  });
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/webhook-endpoints/{id}/update',
    tag,
    summary: 'Change what is given; null takes a description, headers or a rate back',
    role: 'admin',
    params,
    body: { schema: endpointChange, maxBytes: MAX_BYTES },
    answers: { 200: { description: 'The endpoint as it is now', schema: endpointSchema } },
    handle: async ({ c, params: { id }, body }) =>
      c.json(await endpoints.update(id, defined(body) as EndpointChange)),
  });
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/webhook-endpoints/{id}/rotate-secret',
    tag,
    summary: 'Sign with a new secret; the old ones sign beside it for a while',
    role: 'admin',
    params,
    body: {
      schema: z
        .strictObject({
          secret: secretSchema,
          keepOldForMs: z
            .number()
            .int()
            .min(0)
            .max(30 * 86_400_000)
            .optional(),
        })
        .default({}),
      maxBytes: 1_024,
    },
    answers: { 200: { description: 'The endpoint, with its new secret', schema: addedSchema } },
    handle: async ({ c, params: { id }, body }) =>
      c.json(await endpoints.rotateSecret(id, defined(body) as RotateSecretOptions)),
  });
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/webhook-endpoints/{id}/remove',
    tag,
    summary: 'Remove an endpoint; webhooks that are still to be delivered to it fail',
    role: 'admin',
    params,
    answers: { 200: { description: 'It is gone', schema: z.object({ id: z.string() }) } },
    handle: async ({ c, params: { id } }) => {
      await endpoints.remove(id);
      return c.json({ id });
    },
  });
}

function stateRoutes(routes: EndpointRoutes): void {
  const { endpoints } = routes;
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/webhook-endpoints/{id}/disable',
    tag,
    summary: 'Keep the webhooks of an endpoint from now on',
    role: 'admin',
    params,
    body: {
      schema: z.strictObject({ reason: z.string().max(500).optional() }).default({}),
      maxBytes: 4_096,
    },
    answers: { 200: { description: 'The endpoint as it is now', schema: endpointSchema } },
    handle: async ({ c, params: { id }, body }) => c.json(await endpoints.disable(id, body.reason)),
  });
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/webhook-endpoints/{id}/enable',
    tag,
    summary: 'Send what an endpoint was kept, in order, and what comes; one that rests is tried at once',
    role: 'admin',
    params,
    answers: { 200: { description: 'The endpoint as it is now', schema: endpointSchema } },
    handle: async ({ c, params: { id } }) => c.json(await endpoints.enable(id)),
  });
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/webhook-endpoints/{id}/test',
    tag,
    summary: 'Send an endpoint a webhook of the type webhook.test, once',
    role: 'admin',
    params,
    answers: { 202: { description: 'The job that delivers it', schema: z.object({ id: z.string() }) } },
    handle: async ({ c, params: { id } }) => {
      const job = await endpoints.test(id);
      c.header('location', `/api/v1/webhooks/${job}`);
      return c.json({ id: job }, 202);
    },
  });
}
