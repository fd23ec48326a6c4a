import { z } from '@hono/zod-openapi';
import { defined } from '../../jobs/defined.js';
import { PAGE_WITHIN_MS, timeSchema } from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';

const count = z.number().int().min(0);
const percentiles = z.object({ p50: count, p95: count, p99: count }).nullable();
const counts = {
  started: count.openapi({ description: 'Jobs whose first attempt began' }),
  completed: count,
  failed: count.openapi({ description: 'Without those that were cancelled' }),
  cancelled: count,
  retried: count.openapi({ description: 'Attempts that failed, with another one to come' }),
  waitMs: percentiles,
  runMs: percentiles,
};
const buckets = z.array(count).openapi({
  description:
    'Bucket and count in turn: bucket 0 is below 1 ms, bucket n from 2^((n-1)/4) to 2^(n/4) ms; for a heatmap',
});
const errors = z.record(z.string(), count);
const groups = z.array(
  z.object({ value: z.string().nullable().openapi({ description: 'Null for all others' }), ...counts }),
);

const historySchema = z
  .object({
    from: z.string(),
    to: z.string(),
    stepMs: count,
    countedUntil: z.string().optional().openapi({ description: 'Events after this time may be missing' }),
    percentileError: z
      .number()
      .openapi({ description: 'How far each percentile may be off, as a part of it' }),
    points: z.array(
      z.object({
        at: z.string(),
        ...counts,
        waitBuckets: buckets,
        runBuckets: buckets,
        errors: errors.optional(),
        depth: z
          .object({
            pending: count,
            processing: count,
            oldestMs: count.optional().openapi({ description: 'How long the oldest queued job had waited' }),
            unhandledMs: count.optional().openapi({ description: 'The same of types that nobody handles' }),
          })
          .optional(),
      }),
    ),
    total: z.object(counts),
    groups: z.object({ type: groups, priority: groups, worker: groups, tag: groups }),
    errors,
  })
  .openapi('StatsHistory');

/** `/api/v1/stats/history`: rates, errors and times of a day. */
export function statsHistoryRoutes(routes: Routes): void {
  const { queue } = routes;
  const value = (what: string) => z.string().min(1).max(200).optional().openapi({ description: what });
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/stats/history',
    tag: 'Queue',
    summary:
      'Rates, errors and times of the last 24 hours: of all jobs, or of one type, priority, worker or tag',
    role: 'observer',
    query: z.object({
      from: timeSchema.optional().openapi({ description: '24 hours before `to`, unless given' }),
      to: timeSchema.optional().openapi({ description: 'Now, unless given' }),
      stepMs: z.coerce.number().int().min(60_000).max(90_000_000).optional().openapi({
        description: 'Whole minutes; the shortest with at most 300 steps, unless given',
      }),
      type: value('Only jobs of this type'),
      priority: value('Only jobs of this priority'),
      worker: value('Only jobs of this worker'),
      tag: value('Only jobs with this tag'),
    }),
    answers: { 200: { description: 'A point for each step', schema: historySchema } },
    handle: async ({ c, query }) => c.json(await queue.getStatsHistoryWithin(defined(query), PAGE_WITHIN_MS)),
  });
}
