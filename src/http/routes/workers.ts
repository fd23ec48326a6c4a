import { z } from '@hono/zod-openapi';
import { drainWorker, listWorkers } from '../../inspect/fleet.js';
import { JetfleetError } from '../../jobs/errors.js';
import { prioritySchema } from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';

const workerSchema = z
  .object({
    name: z.string(),
    state: z.string().openapi({ description: 'A state of the worker_lifecycle chart' }),
    startedAt: z.string(),
    host: z.string(),
    pid: z.number().int(),
    version: z.string(),
    lanes: z.array(z.object({ type: z.string(), concurrency: z.number(), running: z.number() })),
    running: z.array(
      z.object({
        id: z.string(),
        type: z.string(),
        priority: prioritySchema.optional(),
        attempt: z.number(),
        startedAt: z.string(),
      }),
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

const tag = 'Workers';

export function workerRoutes(routes: Routes): void {
  const { queue } = routes;
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/workers',
    tag,
    summary: 'The workers that answer within two seconds',
    role: 'observer',
    answers: { 200: { description: 'By name', schema: z.object({ workers: z.array(workerSchema) }) } },
    handle: async ({ c }) => c.json({ workers: await listWorkers(queue) }),
  });
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/workers/{name}/drain',
    tag,
    summary: 'Drain a worker, or let it take jobs again',
    role: 'admin',
    params: z.object({
      name: z
        .string()
        .min(1)
        .max(200)
        .openapi({ param: { name: 'name', in: 'path' } }),
    }),
    body: {
      schema: z.strictObject({ drain: z.boolean().default(true) }).default({ drain: true }),
      maxBytes: 1_024,
    },
    answers: {
      202: { description: 'The order was sent', schema: z.object({ name: z.string(), drain: z.boolean() }) },
    },
    handle: async ({ c, params: { name }, body: { drain } }) => {
      const workers = await listWorkers(queue);
      if (!workers.some((worker) => worker.name === name)) {
        throw new JetfleetError('JETFLEET_NOT_FOUND', `no worker ${JSON.stringify(name)} answers`);
      }
      await drainWorker(queue, name, drain);
      return c.json({ name, drain }, 202);
    },
  });
}
