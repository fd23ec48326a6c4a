import { z } from '@hono/zod-openapi';
import { defined } from '../../jobs/defined.js';
import {
  type DeliveryFilter,
  getDelivery,
  listDeliveries,
  type ReplayFilter,
  replayDeliveries,
} from '../../webhooks/deliveries.js';
import { sendWebhook } from '../../webhooks/jobs.js';
import { PARKED_REASONS } from '../../wire/parked-reason.js';
import { noteChangedJobs } from '../audited.js';
import {
  idParams,
  jobErrorSchema,
  PAGE_WITHIN_MS,
  pageQuery,
  stateSchema,
  statusSchema,
  timeSchema,
} from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';
import { covers } from '../tokens.js';

const tag = 'Webhooks';
const MAX_BYTES = 10_000;
/** What an endpoint answered, or what kept it from doing so. */
const response = z.object({
  status: z.number().int().optional(),
  error: z.string().optional(),
  durationMs: z.number().optional(),
  headers: z.record(z.string(), z.string()).optional(),
});
const deliverySchema = z
  .object({
    id: z.string(),
    parentId: z.string().optional(),
    endpoint: z.string().optional().openapi({ description: 'The id of a registered endpoint' }),
    url: z.string().optional().openapi({ description: 'Of a webhook to an address' }),
    event: z.string().optional(),
    status: statusSchema,
    state: stateSchema,
    attempt: z.number().int(),
    maxAttempts: z.number().int(),
    createdAt: z.string(),
    updatedAt: z.string(),
    nextRunAt: z.string().optional(),
    parked: z.enum(PARKED_REASONS).optional().openapi({
      description:
        'Why it waits: `disabled`, `resting`, `turn` (others come first), or `line` (its endpoint rests or has no permit free)',
    }),
    response: response.optional(),
    error: jobErrorSchema.optional(),
  })
  .openapi('Delivery');
const wholeDeliverySchema = deliverySchema
  .extend({
    payload: z.any(),
    headers: z.record(z.string(), z.string()).optional(),
    attempts: z.array(
      z.object({
        attempt: z.number().int(),
        at: z.string(),
        durationMs: z.number().optional(),
        response: response.optional(),
        error: jobErrorSchema.optional(),
        excerpt: z.string().optional().openapi({
          description: 'The beginning of the answer, for admins; secrets of known forms are masked',
        }),
      }),
    ),
  })
  .openapi('WholeDelivery');
const endpointId = z.string().regex(/^[A-Za-z0-9_-]{1,40}$/);
const eventName = z.string().max(200);
const answer = z.string().max(20).openapi({
  description: 'What was answered last: 503, or dns, refused, timeout, tls, reset, upgrade',
});

/** `/api/v1/webhooks`: the jobs of the type `send_webhook` as deliveries. */
export function webhookRoutes(routes: Routes): void {
  readRoutes(routes);
  sendRoutes(routes);
}

function readRoutes(routes: Routes): void {
  const { queue } = routes;
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/webhooks',
    tag,
    summary: 'A page of deliveries, the newest first',
    role: 'observer',
    query: z.object({
      endpoint: endpointId.optional(),
      event: eventName.optional(),
      status: statusSchema.optional(),
      answer: answer.optional(),
      since: timeSchema.optional(),
      until: timeSchema.optional(),
      ...pageQuery,
    }),
    answers: {
      200: {
        description: 'The deliveries, and where the next page begins',
        schema: z.object({ deliveries: z.array(deliverySchema), cursor: z.string().optional() }),
      },
    },
    handle: async ({ c, query }) =>
      c.json(await listDeliveries(queue, defined(query) as DeliveryFilter, PAGE_WITHIN_MS)),
  });
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/webhooks/{id}',
    tag,
    summary: 'One delivery, with what was sent and every attempt',
    role: 'observer',
    params: idParams,
    answers: { 200: { description: 'The delivery', schema: wholeDeliverySchema } },
    handle: async ({ c, params: { id } }) => {
      const delivery = await getDelivery(queue, id);
      // An answer may repeat what was sent to it, in a form that no rule knows.
      if (covers(c.get('role'), 'admin')) return c.json(delivery);
      const attempts = delivery.attempts.map(({ excerpt: _, ...attempt }) => attempt);
      return c.json({ ...delivery, attempts });
    },
  });
}

function sendRoutes(routes: Routes): void {
  const { queue } = routes;
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/webhooks/{id}/redeliver',
    tag,
    summary:
      'Send a webhook once more: a failed one under the same webhook-id, a delivered one under a new one',
    role: 'operator',
    params: idParams,
    answers: { 202: { description: 'The job that delivers it', schema: z.object({ id: z.string() }) } },
    handle: async ({ c, params: { id } }) => {
      const again = await queue.rerun(sendWebhook, id);
      c.header('location', `/api/v1/webhooks/${again}`);
      return c.json({ id: again }, 202);
    },
  });
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/webhook-replay',
    tag,
    summary: 'Send the webhooks once more that failed for good, oldest first; dryRun only counts them',
    role: 'operator',
    body: {
      schema: z.strictObject({
        endpoint: endpointId.optional(),
        event: eventName.optional(),
        answer: answer.optional(),
        since: timeSchema.optional(),
        until: timeSchema.optional(),
        limit: z.number().int().min(1).max(10_000).optional().openapi({
          description:
            'Sends at most so many: ask again with the same `until` for the others. Defaults to all',
        }),
        dryRun: z.boolean().optional(),
      }),
      maxBytes: MAX_BYTES,
    },
    answers: {
      200: {
        description: 'How many fit, and the jobs that run again',
        schema: z.object({
          count: z.number().int(),
          ids: z.array(z.string()),
          until: z.string().openapi({
            description: 'When they were counted: what fails later does not fit a request with this `until`',
          }),
        }),
      },
    },
    handle: async ({ c, body: { dryRun, limit, ...asked } }) => {
      const until = asked.until ?? new Date((await queue.broker()).clock.now()).toISOString();
      const filter = { ...defined(asked), until } as ReplayFilter;
      // Also where a later one breaks.
      const onProgress = (done: number) => c.set('changedJobs', { done, failed: 0, ids: [] });
      const replayed = await replayDeliveries(queue, filter, { onProgress, ...defined({ dryRun, limit }) });
      noteChangedJobs(c, replayed.ids, 0);
      return c.json({ ...replayed, until });
    },
  });
}
