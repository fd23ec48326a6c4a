import { z } from '@hono/zod-openapi';
import { familyToSvg } from '../../inspect/flow-svg.js';
import { defined } from '../../jobs/defined.js';
import type { JobFamily } from '../../jobs/family.js';
import { shownFamily } from '../../jobs/shown-family.js';
import { noSuchJob } from '../../queue/job-lookup.js';
import { idParams, stateSchema, statusSchema } from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';
import { drawingQuery, SVG_HEADERS } from './drawings.js';

const familySchema = z
  .object({
    id: z.string(),
    jobs: z.array(
      z.object({
        id: z.string(),
        type: z.string(),
        status: statusSchema,
        state: stateSchema,
        createdAt: z.string(),
        startedAt: z.string().optional(),
        finishedAt: z.string().optional(),
        nextRunAt: z.string().optional(),
        parentId: z.string().optional().openapi({ description: 'The job of the family that it came of' }),
        relation: z.enum(['child', 'follow-up']).optional().openapi({
          description:
            '`child` where its parent waits for it, `follow-up` where it was added at the end of that',
        }),
        error: z.object({ code: z.string(), message: z.string() }).optional(),
      }),
    ),
    isCut: z.literal(true).optional().openapi({ description: 'There are more' }),
  })
  .openapi('JobFamily');

/** `/api/v1/jobs/{id}/family`: the jobs that came of one another. */
export function familyRoutes(routes: Routes): void {
  const { queue } = routes;
  const ofJob = { method: 'get', tag: 'Jobs', role: 'observer', params: idParams } as const;
  const familyOf = async (id: string): Promise<JobFamily> => {
    const family = await queue.getFamily(id);
    if (!family) throw noSuchJob(id);
    return family;
  };
  addRoute(routes, {
    ...ofJob,
    path: '/api/v1/jobs/{id}/family',
    summary: 'The jobs that it came of, and those that came of them',
    answers: { 200: { description: 'Each after the job that it came of', schema: familySchema } },
    handle: async ({ c, params: { id } }) => c.json(shownFamily(await familyOf(id))),
  });
  addRoute(routes, {
    ...ofJob,
    path: '/api/v1/jobs/{id}/family/svg',
    summary: 'The same as a graph, with where each of them stands',
    query: drawingQuery,
    answers: { 200: { description: 'SVG', schema: z.string(), mediaType: 'image/svg+xml' } },
    handle: async ({ c, params: { id }, query: { standalone, theme } }) => {
      const options = defined({ standalone: standalone === 'true', theme });
      return c.body(await familyToSvg(await familyOf(id), options), 200, SVG_HEADERS);
    },
  });
}
