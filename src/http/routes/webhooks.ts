import { z } from '@hono/zod-openapi';
import { defined } from '../../jobs/defined.js';
import { JetfleetError } from '../../jobs/errors.js';
import { sendWebhook } from '../../webhooks/jobs.js';
import { addRoute, type Routes } from '../route.js';
import { idParams, jobErrorSchema, stateSchema, statusSchema } from '../schemas/job.js';
import { deliveryOf, wholeDeliveryOf } from '../webhook-deliveries.js';

const tag = 'Webhooks';
const response = z.object({ status: z.number().int(), durationMs: z.number() });
const deliverySchema = z
  .object({
    id: z.string(),
    parentId: z.string().optional(),
    url: z.string(),
    event: z.string().optional(),
    status: statusSchema,
    state: stateSchema,
    attempt: z.number().int(),
    maxAttempts: z.number().int(),
    createdAt: z.string(),
    updatedAt: z.string(),
    nextRunAt: z.string().optional(),
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
      }),
    ),
  })
  .openapi('WholeDelivery');

/** `/api/v1/webhooks`: the jobs of the type `send_webhook` as deliveries. */
export function webhookRoutes(routes: Routes): void {
  const { queue } = routes;
  addRoute(
    routes,
    {
      method: 'get',
      path: '/api/v1/webhooks',
      tag,
      summary: 'A page of deliveries',
      role: 'observer',
      query: z.object({
        status: statusSchema.optional(),
        order: z.enum(['newest', 'oldest']).default('newest'),
        limit: z.coerce.number().int().min(1).max(1_000).default(100),
        cursor: z.string().max(1_000).optional(),
      }),
      answers: {
        200: {
          description: 'The deliveries, and where the next page begins',
          schema: z.object({ deliveries: z.array(deliverySchema), cursor: z.string().optional() }),
        },
      },
    },
    async ({ c, query }) => {
      const page = await queue.getJobs({ ...defined(query), type: sendWebhook.type });
      return c.json(defined({ deliveries: page.jobs.map(deliveryOf), cursor: page.cursor }));
    },
  );
  addRoute(
    routes,
    {
      method: 'get',
      path: '/api/v1/webhooks/{id}',
      tag,
      summary: 'One delivery, with what was sent and every attempt',
      role: 'observer',
      params: idParams,
      answers: { 200: { description: 'The delivery', schema: wholeDeliverySchema } },
    },
    async ({ c, params: { id } }) => {
      const job = await queue.getJob(sendWebhook, id);
      if (!job) {
        throw new JetfleetError('JETFLEET_NOT_FOUND', `there is no webhook ${JSON.stringify(id)}`);
      }
      return c.json(wholeDeliveryOf(job, await queue.history(id)));
    },
  );
  addRoute(
    routes,
    {
      method: 'post',
      path: '/api/v1/webhooks/{id}/redeliver',
      tag,
      summary:
        'Send a webhook once more: a failed one under the same webhook-id, a delivered one under a new one',
      role: 'operator',
      params: idParams,
      answers: {
        202: { description: 'The job that delivers it', schema: z.object({ id: z.string() }) },
      },
    },
    async ({ c, params: { id } }) => {
      const again = await queue.rerun(sendWebhook, id);
      c.header('location', `/api/v1/webhooks/${again}`);
      return c.json({ id: again }, 202);
    },
  );
}
