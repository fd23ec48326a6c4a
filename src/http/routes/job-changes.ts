import { z } from '@hono/zod-openapi';
import { defined } from '../../jobs/defined.js';
import { MAX_DELAY_MS } from '../../jobs/limits.js';
import { shownJob } from '../../jobs/shown-job.js';
import { askerOf } from '../audited.js';
import {
  dataSchema,
  idParams,
  jobBytes,
  jobRecordSchema,
  prioritySchema,
  timeSchema,
} from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';
import { wantedVersion } from '../version.js';

const MAX_BYTES = 4_096;
const by = z.string().min(1).max(200).optional();

/** What can be changed of a job. */
export function jobChangeRoutes(routes: Routes): void {
  const { queue } = routes;
  const change = {
    method: 'post',
    tag: 'Jobs',
    role: 'operator',
    params: idParams,
    headers: z.object({ 'if-match': z.string().optional() }),
    answers: { 200: { description: 'The job afterwards', schema: jobRecordSchema } },
  } as const;
  addRoute(routes, {
    ...change,
    path: '/api/v1/jobs/{id}/cancel',
    summary: 'End a job wherever it is',
    body: {
      schema: z.strictObject({ reason: z.string().max(1_000).optional() }).optional(),
      maxBytes: 16 * 1_024,
    },
    handle: async ({ c, params: { id }, body }) =>
      c.json(shownJob(await queue.cancel(id, body?.reason, wantedVersion(c)))),
  });
  addRoute(routes, {
    ...change,
    path: '/api/v1/jobs/{id}/retry',
    summary: 'Run a failed job again, with another payload where one is given',
    body: {
      schema: z.strictObject({ payload: dataSchema.optional() }).optional(),
      maxBytes: jobBytes(queue),
    },
    handle: async ({ c, params: { id }, body }) => {
      const change = defined({ payload: body?.payload });
      return c.json(shownJob(await queue.retry(id, { ...wantedVersion(c), ...change })));
    },
  });
  addRoute(routes, {
    ...change,
    path: '/api/v1/jobs/{id}/priority',
    summary: 'Change the priority of a job that waits',
    body: { schema: z.strictObject({ priority: prioritySchema, by }), maxBytes: MAX_BYTES },
    handle: async ({ c, params: { id }, body }) => {
      const options = { ...wantedVersion(c), by: askerOf(c, body.by) };
      return c.json(shownJob(await queue.setPriority(id, body.priority, options)));
    },
  });
  addRoute(routes, {
    ...change,
    path: '/api/v1/jobs/{id}/promote',
    summary: 'Run a scheduled, retrying or sleeping job now',
    body: { schema: z.strictObject({ by }).default({}), maxBytes: MAX_BYTES },
    handle: async ({ c, params: { id }, body }) =>
      c.json(shownJob(await queue.promote(id, { ...wantedVersion(c), by: askerOf(c, body.by) }))),
  });
  addRoute(routes, {
    ...change,
    path: '/api/v1/jobs/{id}/reschedule',
    summary: 'Move a job that waits to another time: delayMs or runAt',
    body: {
      schema: z.strictObject({
        delayMs: z.number().int().min(1).max(MAX_DELAY_MS).optional(),
        runAt: timeSchema.optional(),
        by,
      }),
      maxBytes: MAX_BYTES,
    },
    handle: async ({ c, params: { id }, body }) => {
      const options = { ...defined(body), ...wantedVersion(c), by: askerOf(c, body.by) };
      return c.json(shownJob(await queue.reschedule(id, options)));
    },
  });
}
