import { z } from '@hono/zod-openapi';

const count = z.number().int().min(0);
const unfinished = z.object({ pending: count, processing: count });

export const statsSchema = z
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
    waitingJobs: count,
    unhandledTypes: z.array(z.string()),
    oldestPendingAt: z.string().optional().openapi({
      description: 'Since when the queued job has waited that has waited longest',
    }),
    at: z.string(),
  })
  .openapi('Stats');
