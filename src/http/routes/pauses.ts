import { z } from '@hono/zod-openapi';
import { defined } from '../../jobs/defined.js';
import { JetfleetError } from '../../jobs/errors.js';
import { askerOf } from '../audited.js';
import { prioritySchema, timeSchema, typeSchema } from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';

const scope = { type: typeSchema.optional(), priority: prioritySchema.optional() };
const name = z.string().min(1).max(200).optional();

export const pauseSchema = z
  .object({
    type: z.string().optional(),
    priority: prioritySchema.optional(),
    since: z.string(),
    until: z
      .string()
      .optional()
      .openapi({ description: 'When it ends by itself; absent: when somebody resumes' }),
    reason: z.string().optional(),
    by: z.string().optional(),
  })
  .openapi('Pause', { description: 'Without a type and a priority it holds all jobs' });

const MAX_BYTES = 4_096;
/** Longer waits end at proxies: ask again. */
const MAX_DRAIN_WAIT_MS = 25_000;
const tag = 'Queue';

export function pauseRoutes(routes: Routes): void {
  const { queue } = routes;
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/pauses',
    tag,
    summary: 'What is paused',
    role: 'observer',
    answers: { 200: { description: 'Oldest first', schema: z.object({ pauses: z.array(pauseSchema) }) } },
    handle: async ({ c }) => c.json({ pauses: await queue.paused() }),
  });
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/pauses',
    tag,
    summary: 'Pause jobs of a type, of a priority, or all; those that run go on',
    role: 'admin',
    body: {
      schema: z
        .strictObject({
          ...scope,
          forMs: z.number().int().min(1).optional(),
          until: timeSchema.optional(),
          reason: name,
          by: name,
        })
        .default({}),
      maxBytes: MAX_BYTES,
    },
    answers: { 201: { description: 'The pause', schema: pauseSchema } },
    handle: async ({ c, body }) =>
      c.json(await queue.pause({ ...defined(body), by: askerOf(c, body.by) }), 201),
  });
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/pauses/resume',
    tag,
    summary: 'End the pause of some jobs and of parts of them; without a type and a priority every pause',
    role: 'admin',
    body: { schema: z.strictObject({ ...scope, by: name }).default({}), maxBytes: MAX_BYTES },
    answers: {
      200: {
        description: 'What was resumed, and wider pauses that still hold these jobs',
        schema: z.object({ resumed: z.array(pauseSchema), stillPaused: z.array(pauseSchema) }),
      },
    },
    handle: async ({ c, body }) => c.json(await queue.resume({ ...defined(body), by: askerOf(c, body.by) })),
  });
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/pauses/drain',
    tag,
    audit: false,
    summary: 'Wait until none of some paused jobs runs any more',
    role: 'admin',
    body: {
      schema: z
        .strictObject({ ...scope, timeoutMs: z.number().int().min(0).max(MAX_DRAIN_WAIT_MS).default(10_000) })
        .default({ timeoutMs: 10_000 }),
      maxBytes: MAX_BYTES,
    },
    answers: {
      200: {
        description: 'Whether none runs; if not, ask again',
        schema: z.object({ drained: z.boolean() }),
      },
    },
    handle: async ({ c, body }) => {
      try {
        await queue.drain({ ...defined(body), signal: c.req.raw.signal });
        return c.json({ drained: true });
      } catch (error) {
        if (JetfleetError.is(error, 'JETFLEET_WAIT_TIMEOUT')) return c.json({ drained: false });
        throw error;
      }
    },
  });
}
