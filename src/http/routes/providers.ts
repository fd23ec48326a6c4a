import { z } from '@hono/zod-openapi';
import { listProviders } from '../../instances/provider-health.js';
import { addRoute, type Routes } from '../route.js';

const providerSchema = z
  .object({
    provider: z.string(),
    region: z.string().openapi({ description: '`all` for what all regions of the provider share' }),
    state: z.enum(['closed', 'open', 'halfOpen']).openapi({
      description:
        'closed: its offers are used; open: jobs use others until it is tried again; halfOpen: one job tries it',
    }),
    failures: z.number().int().openapi({ description: 'In a row' }),
    failingSince: z.string().optional(),
    lastFailureAt: z.string().optional(),
    error: z.string().optional(),
    openUntil: z.string().optional(),
  })
  .openapi('Provider', { description: 'A provider of instances, or a region of one, that has failed' });

/** `/api/v1/providers`: how the providers of instances fare. */
export function providerRoutes(routes: Routes): void {
  const { queue } = routes;
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/providers',
    tag: 'Queue',
    summary: 'Providers of instances and their regions that have failed, and whether their offers are used',
    role: 'observer',
    answers: {
      200: {
        description: 'By provider and region; one that has never failed is not listed',
        schema: z.object({ providers: z.array(providerSchema) }),
      },
    },
    handle: async ({ c }) => c.json({ providers: await listProviders(await queue.broker()) }),
  });
}
