import { z } from '@hono/zod-openapi';
import { defined } from '../../jobs/defined.js';
import { JetfleetError, type JobErrorInfo } from '../../jobs/errors.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { shownJob } from '../../jobs/shown-job.js';
import { textField } from '../../jobs/text-field.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import type { RecordedTransition } from '../../queue/job-history.js';
import { sendWebhook } from '../../webhooks/jobs.js';
import { idParams, jobErrorSchema, pageQuery, stateSchema, statusSchema } from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';

const tag = 'Webhooks';
/** How an endpoint answered when it accepted a webhook. */
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
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/webhooks',
    tag,
    summary: 'A page of deliveries',
    role: 'observer',
    query: z.object({
      status: statusSchema.optional(),
      ...pageQuery,
    }),
    answers: {
      200: {
        description: 'The deliveries, and where the next page begins',
        schema: z.object({ deliveries: z.array(deliverySchema), cursor: z.string().optional() }),
      },
    },
    handle: async ({ c, query }) => {
      const page = await queue.getJobs({ ...defined(query), type: sendWebhook.type });
      return c.json(defined({ deliveries: page.jobs.map(deliveryOf), cursor: page.cursor }));
    },
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
      const job = await queue.getJob(sendWebhook, id);
      if (!job) {
        throw new JetfleetError('JETFLEET_NOT_FOUND', `there is no webhook ${JSON.stringify(id)}`);
      }
      return c.json(wholeDeliveryOf(job, await queue.history(id)));
    },
  });
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
}

/** A `send_webhook` job as a delivery, without secrets. */
function deliveryOf(record: JobRecord) {
  const job = shownJob(record);
  const { id, parentId, status, state, attempt, maxAttempts, createdAt, updatedAt, nextRunAt, error } = job;
  return defined({
    id,
    parentId,
    url: textField(job.payload, 'url') ?? '',
    event: textField(Object(job.payload).payload, 'type'),
    status,
    state,
    attempt,
    maxAttempts,
    createdAt,
    updatedAt,
    nextRunAt,
    response: responseOf(job),
    error,
  });
}

/** With what was sent, and each attempt. */
function wholeDeliveryOf(job: JobRecord, history: readonly RecordedTransition[]) {
  const { payload, headers } = Object(shownJob(job).payload) as Record<string, unknown>;
  return {
    ...deliveryOf(job),
    payload: payload ?? null,
    ...(headers !== undefined && { headers: headers as Record<string, string> }),
    attempts: history.flatMap(({ record }) => attemptOf(shownJob(record)) ?? []),
  };
}

/** An attempt that ended is the record of what it led to: an end, or a wait for the next one. */
function attemptOf(record: JobRecord) {
  const { state, status, attempt, updatedAt, error } = record;
  if (attempt === 0 || !(isTerminal(status) || state === 'retrying') || state === 'cancelled')
    return undefined;
  const response = responseOf(record);
  return defined({
    attempt,
    at: updatedAt,
    durationMs: response?.durationMs,
    response,
    error: error as JobErrorInfo | undefined,
  });
}

function responseOf({ result }: JobRecord) {
  return response.safeParse(result).data;
}
