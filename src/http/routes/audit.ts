import { z } from '@hono/zod-openapi';
import { defined } from '../../jobs/defined.js';
import { timeSchema } from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';

const entrySchema = z
  .object({
    seq: z.number().int(),
    at: z.string(),
    by: z.string(),
    caller: z.string().optional(),
    role: z.string(),
    action: z.string(),
    target: z.record(z.string(), z.string()).optional(),
    asked: z.record(z.string(), z.unknown()).optional(),
    jobs: z.object({ done: z.number().int(), failed: z.number().int(), ids: z.array(z.string()) }).optional(),
    error: z.string().optional(),
    operation: z.string().optional(),
  })
  .openapi('AuditEntry');

export function auditRoutes(routes: Routes): void {
  const { queue } = routes;
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/audit',
    tag: 'Server',
    summary: 'Who did what, newest first',
    role: 'operator',
    query: z.object({
      by: z.string().max(200).optional().openapi({ description: 'The name of a token' }),
      action: z.string().max(200).optional().openapi({ example: 'jobs/{id}/cancel' }),
      since: timeSchema.optional(),
      limit: z.coerce.number().int().min(1).max(1_000).default(100),
      cursor: z.string().max(20).optional(),
    }),
    answers: {
      200: {
        description: 'The actions, and where the next page begins',
        schema: z.object({ entries: z.array(entrySchema), cursor: z.string().optional() }),
      },
    },
    handle: async ({ c, query }) => c.json(await queue.audit.list(defined(query))),
  });
}
