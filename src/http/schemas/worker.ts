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
    abandoned: z
      .array(z.object({ id: z.string(), type: z.string(), attempt: z.number(), signalledAt: z.string() }))
      .openapi({ description: 'Handlers that gave up their slot and have not ended, at most 100' }),
    abandonedCount: z.number().int().openapi({ description: 'Handlers abandoned since the worker started' }),
    stalled: z
      .array(z.string())
      .openapi({ description: 'Streams that do not answer its writes, although the server is there' }),
  })
  .openapi('Worker');
