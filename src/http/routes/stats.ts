import { z } from '@hono/zod-openapi';
import { defined } from '../../jobs/defined.js';
import { packageVersion } from '../../telemetry/version.js';
import { addRoute, type Routes } from '../route.js';
import { ROLES } from '../tokens.js';
import { pauseSchema } from './pauses.js';

const count = z.number().int().min(0);
const unfinished = z.object({ pending: count, processing: count });

const statsSchema = z
  .object({
    totalJobs: count,
    pendingJobs: count,
    processingJobs: count,
    completedJobs: count,
    failedJobs: count,
    jobsByType: z.record(z.string(), count),
    byType: z.record(
      z.string(),
      z.object({ pending: count, processing: count, completed: count, failed: count }),
    ),
    byPriority: z.object({ critical: unfinished, high: unfinished, normal: unfinished, low: unfinished }),
    scheduledJobs: count,
    retryingJobs: count,
    limitedJobs: count,
    waitingJobs: count,
    unhandledTypes: z.array(z.string()),
    paused: z.array(pauseSchema),
    oldestPendingAt: z.string().optional().openapi({
      description: 'When the oldest queued job was enqueued, types that nobody handles left out',
    }),
    oldestUnhandledAt: z.string().optional().openapi({
      description: 'When the oldest job of a type that nobody handles was enqueued',
    }),
    at: z.string(),
  })
  .openapi('Stats');

export function statsRoutes(routes: Routes & { environment?: string | undefined }): void {
  const { queue, environment } = routes;
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/stats',
    tag: 'Queue',
    summary: 'How many jobs there are',
    role: 'observer',
    answers: { 200: { description: 'Counts', schema: statsSchema } },
    handle: async ({ c }) => {
      const { stats, ...oldest } = await queue.getCounts();
      return c.json({ ...stats, ...oldest, at: new Date(queue.now()).toISOString() });
    },
  });
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/session',
    tag: 'Server',
    summary: 'What the token may do, and which queue this is',
    role: 'observer',
    needsBroker: false,
    answers: {
      200: {
        description: 'Who asks, and of what',
        schema: z.object({
          role: z.enum(ROLES),
          version: z.string(),
          namespace: z.string(),
          environment: z.string().optional(),
        }),
      },
    },
    handle: ({ c }) =>
      c.json(
        defined({
          role: c.get('role'),
          version: packageVersion(),
          namespace: queue.namespace,
          environment,
        }),
      ),
  });
}
