import { z } from '@hono/zod-openapi';
import { defined } from '../../jobs/defined.js';
import { END_STATUSES, type EndStatus } from '../../queue/retention/cleanup-filter.js';
import { timeSchema, typeSchema } from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';

const DEFAULT_AGE_MS = 24 * 60 * 60 * 1_000;

const requestSchema = z
  .strictObject({
    type: typeSchema.optional(),
    status: z.enum(END_STATUSES as [EndStatus, ...EndStatus[]]).optional(),
    before: timeSchema
      .optional()
      .openapi({ description: 'Only jobs that ended before. Defaults to a day ago' }),
    keep: z
      .number()
      .int()
      .min(0)
      .optional()
      .openapi({ description: 'How many of the type stay that ended last, of each status' }),
    atMost: z.number().int().min(1).optional().openapi({
      description: 'Removes no more than so many, of each status oldest first; needs a type or a status',
    }),
    dryRun: z.boolean().default(false).openapi({
      description: 'Counts them, and removes none. Repeat `before` of the answer to remove these',
    }),
  })
  .openapi('Cleanup');

const answerSchema = z
  .object({
    jobs: z.number().int().openapi({ description: 'How many were removed, or would be' }),
    before: z.string().openapi({ description: 'They ended before' }),
    atMost: z.number().int().min(1).optional().openapi({
      description: 'Removes no more than so many, of each status oldest first; needs a type or a status',
    }),
    dryRun: z.boolean(),
  })
  .openapi('CleanupAnswer');

/** `/api/v1/jobs/cleanup`: removes jobs that have ended. */
export function cleanupRoutes(routes: Routes): void {
  const { queue } = routes;
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/jobs/cleanup',
    tag: 'Jobs',
    summary: 'Remove jobs that have ended, with their history; or count them',
    role: 'admin',
    body: { schema: requestSchema.prefault({}), maxBytes: 4_096 },
    answers: { 200: { description: 'What was removed', schema: answerSchema } },
    handle: async ({ c, body: { before: time, dryRun, ...filter } }) => {
      const nowMs = queue.now();
      const beforeMs = time === undefined ? nowMs - DEFAULT_AGE_MS : Date.parse(time);
      const jobs = await queue.cleanup(Math.max(0, nowMs - beforeMs), { ...defined(filter), dryRun });
      c.set('changedJobs', { done: jobs, failed: 0, ids: [] });
      return c.json({ jobs, before: new Date(Math.min(nowMs, beforeMs)).toISOString(), dryRun });
    },
  });
}
