import { z } from '@hono/zod-openapi';
import { drainWorker, listWorkers } from '../../inspect/fleet.js';
import { JetfleetError } from '../../jobs/errors.js';
import { addRoute, type Routes } from '../route.js';
import { workerSchema } from '../schemas/worker.js';

const tag = 'Workers';

/** `/api/v1/workers`. */
export function workerRoutes(routes: Routes): void {
  const { queue } = routes;
  addRoute(
    routes,
    {
      method: 'get',
      path: '/api/v1/workers',
      tag,
      summary: 'The workers that answer within half a second',
      role: 'observer',
      answers: {
        200: { description: 'By name', schema: z.object({ workers: z.array(workerSchema) }) },
      },
    },
    async ({ c }) => c.json({ workers: await listWorkers(queue) }),
  );
  addRoute(
    routes,
    {
      method: 'post',
      path: '/api/v1/workers/{name}/drain',
      tag,
      summary: 'Tell a worker to take no more jobs, or to take them again',
      role: 'admin',
      params: z.object({
        name: z
          .string()
          .min(1)
          .max(200)
          .openapi({ param: { name: 'name', in: 'path' } }),
      }),
      body: {
        schema: z.strictObject({ drain: z.boolean().default(true) }),
        maxBytes: 1_024,
        required: false,
      },
      answers: {
        202: { description: 'It is told', schema: z.object({ name: z.string(), drain: z.boolean() }) },
      },
    },
    async ({ c, params: { name }, body }) => {
      const workers = await listWorkers(queue);
      if (!workers.some((worker) => worker.name === name)) {
        throw new JetfleetError('JETFLEET_NOT_FOUND', `no worker ${JSON.stringify(name)} answers`);
      }
      const drain = body?.drain ?? true;
      await drainWorker(queue, name, drain);
      return c.json({ name, drain }, 202);
    },
  );
}
