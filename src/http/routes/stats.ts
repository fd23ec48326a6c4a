import { z } from '@hono/zod-openapi';
import { isoTime } from '../../jobs/iso-time.js';
import { packageVersion } from '../../telemetry/version.js';
import { ROLES } from '../role.js';
import { addRoute, type Routes } from '../route.js';
import { statsSchema } from '../schemas/stats.js';

/** `/api/v1/stats` and `/api/v1/session`. */
export function statsRoutes(routes: Routes & { environment?: string | undefined }): void {
  const { queue, environment } = routes;
  addRoute(
    routes,
    {
      method: 'get',
      path: '/api/v1/stats',
      tag: 'Queue',
      summary: 'How many jobs there are',
      role: 'observer',
      answers: { 200: { description: 'Counts', schema: statsSchema } },
    },
    async ({ c }) => c.json(await queueStats(queue)),
  );
  addRoute(
    routes,
    {
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
    },
    ({ c }) => {
      const { namespace } = queue;
      const about = { role: c.get('role'), version: packageVersion(), namespace };
      return c.json({ ...about, ...(environment !== undefined && { environment }) });
    },
  );
}

/** The counts of a moment, and since when the job has waited that has waited longest. */
export async function queueStats(queue: Routes['queue']) {
  const [stats, oldestPendingAt] = await Promise.all([queue.getStats(), queue.oldestPendingAt()]);
  return { ...stats, ...(oldestPendingAt && { oldestPendingAt }), at: isoTime(queue.now()) };
}
