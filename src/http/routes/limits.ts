import { z } from '@hono/zod-openapi';
import { defined } from '../../jobs/defined.js';
import { assertOfNoEndpoint } from '../../webhooks/endpoints/endpoint-limit.js';
import type { WebhookEndpoints } from '../../webhooks/endpoints/webhook-endpoints.js';
import { prioritySchema } from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';

const rate = z.object({ max: z.number().int(), perMs: z.number().int() });
const settings = { concurrency: z.number().int().min(1).optional(), rate: rate.optional() };
const name = z.string().min(1).max(64);

const limitSchema = z
  .object({
    limit: z.string(),
    key: z.string(),
    ...settings,
    held: z.array(
      z.object({ jobId: z.string(), worker: z.string().optional(), since: z.string(), until: z.string() }),
    ),
    started: z.number().int(),
    waiting: z.number().int(),
    waiters: z
      .array(z.object({ jobId: z.string(), priority: prioritySchema, since: z.string() }))
      .openapi({ description: 'The first of those that wait, at most 5' }),
    nextFreeAt: z.string().optional(),
    closedUntil: z.string().optional(),
    onTrial: z.literal(true).optional(),
  })
  .openapi('Limit', { description: 'What is held and what waits under one key of a limit' });

const MAX_BYTES = 4_096;
const tag = 'Queue';

export function limitRoutes(routes: Routes, endpoints: Pick<WebhookEndpoints, 'get'>): void {
  const { queue } = routes;
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/limits',
    tag,
    summary: 'What is held and what waits under each key of the limits, and what was set for them',
    role: 'observer',
    query: z.object({ limit: name.optional(), key: z.string().min(1).max(200).optional() }),
    answers: {
      200: {
        description: 'By name and key',
        schema: z.object({
          limits: z.array(limitSchema),
          settings: z.record(z.string(), z.object(settings)),
        }),
      },
    },
    handle: async ({ c, query }) => {
      const [limits, set] = await Promise.all([queue.limits.list(defined(query)), queue.limits.settings()]);
      return c.json({ limits, settings: set });
    },
  });
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/limits/set',
    tag,
    summary: 'Set how many permits each key of a limit has; permits that are held stay',
    role: 'admin',
    body: { schema: z.strictObject({ limit: name, ...settings }), maxBytes: MAX_BYTES },
    answers: {
      200: { description: 'Set for all workers', schema: z.object({ limit: z.string(), ...settings }) },
    },
    handle: async ({ c, body }) => {
      const { limit, ...given } = body;
      await assertOfNoEndpoint(endpoints, limit);
      await queue.limits.set(limit, defined(given));
      return c.json(defined(body));
    },
  });
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/limits/reset',
    tag,
    summary: 'Have a limit be what handlers and workers say again',
    role: 'admin',
    body: { schema: z.strictObject({ limit: name }), maxBytes: MAX_BYTES },
    answers: { 200: { description: 'As the handlers say', schema: z.object({ limit: z.string() }) } },
    handle: async ({ c, body }) => {
      await assertOfNoEndpoint(endpoints, body.limit);
      await queue.limits.reset(body.limit);
      return c.json({ limit: body.limit });
    },
  });
}
