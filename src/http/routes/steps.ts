/** What the state machines of a job did, as it is kept with the job. */
import { z } from '@hono/zod-openapi';
import { idParams } from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';

const edge = z.object({
  from: z.string(),
  to: z.string(),
  event: z.string(),
  guard: z.string().optional(),
});

const step = z.object({
  index: z.number().int().openapi({ description: 'From 0; those that are not kept have numbers too' }),
  at: z.string(),
  attempt: z.number().int(),
  worker: z.string(),
  actor: z.string(),
  machine: z.string().optional(),
  machineVersion: z.string().optional(),
  kind: z.enum(['actor', 'event', 'transition', 'snapshot', 'done']),
  event: z.string().optional(),
  data: z.unknown().optional().openapi({ description: 'What came with the event, masked' }),
  sentBy: z.string().optional(),
  edges: z.array(edge).optional(),
  active: z.array(z.string()).optional(),
  status: z.string().optional(),
  changes: z
    .array(z.object({ op: z.string(), path: z.string(), value: z.unknown().optional() }))
    .optional()
    .openapi({
      description: 'How the context of the actor differs from the one that was told last, as JSON Patch',
    }),
  contextCut: z.literal(true).optional().openapi({ description: 'The context was too large to be kept' }),
});

export function stepRoutes(routes: Routes): void {
  const { queue } = routes;
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/jobs/{id}/steps',
    tag: 'Jobs',
    role: 'observer',
    params: idParams,
    summary: 'What the state machines of a job did: the first and the last steps, at most 200',
    answers: {
      200: {
        description: 'The steps, oldest first; how many there were, and how many of them are not kept',
        schema: z.object({ steps: z.array(step), total: z.number().int(), dropped: z.number().int() }),
      },
    },
    handle: async ({ c, params: { id } }) => c.json(await queue.steps(id)),
  });
}
