import { z } from '@hono/zod-openapi';

export const workerSchema = z
  .object({
    name: z.string(),
    state: z.string().openapi({ description: 'A state of the worker_lifecycle chart' }),
    startedAt: z.string(),
    host: z.string(),
    pid: z.number().int(),
    version: z.string(),
    lanes: z.array(z.object({ type: z.string(), concurrency: z.number(), running: z.number() })),
    running: z.array(
      z.object({ id: z.string(), type: z.string(), attempt: z.number(), startedAt: z.string() }),
    ),
    runningCount: z.number().int(),
  })
  .openapi('Worker');
