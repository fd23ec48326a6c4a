import { z } from '@hono/zod-openapi';
import { isJobType } from '../../jobs/vocabulary.js';
import type { ConsumerHealth } from '../../queue/stats/stream-health.js';
import { typeSchema } from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';

const scaleSchema = z
  .object({
    type: z.string(),
    pending: z
      .number()
      .int()
      .openapi({ description: 'Jobs that could start now; 0 while the type is paused' }),
    running: z.number().int().openapi({
      description:
        'Running jobs, also webhooks that wait for an answer without a slot: up to 9 for each slot',
    }),
    value: z.number().int().openapi({ description: 'The sum: divide it by the slots of one worker' }),
  })
  .openapi('Scale');

/**
 * One number for an autoscaler. Jobs that run count, so that busy workers are not scaled away; those that wait for a time, a signal or a
 * permit do not, since no worker would start them.
 */
export function scaleRoutes(routes: Routes): void {
  const { queue } = routes;
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/scale/{type}',
    tag: 'Queue',
    summary: 'How many jobs of a type could run now or run, for an autoscaler',
    role: 'observer',
    params: z.object({ type: typeSchema.openapi({ param: { name: 'type', in: 'path' } }) }),
    answers: { 200: { description: 'The number', schema: scaleSchema } },
    handle: async ({ c, params: { type } }) => {
      const consumers = (await queue.health()).consumers.filter(({ name }) => typeOf(name) === type);
      const running = sum(consumers, ({ ackPending }) => ackPending);
      // No worker has ever handled the type, so its jobs wait without a consumer.
      const waiting = consumers.length === 0 ? await unhandled(type) : undefined;
      const pending = waiting ?? sum(consumers, (each) => (each.paused ? 0 : each.pending));
      return c.json({ type, pending, running, value: pending + running });
    },
  });

  async function unhandled(type: string): Promise<number> {
    const { byType, paused } = await queue.getStats();
    const isPaused = paused.some((pause) => pause.priority === undefined && (pause.type ?? type) === type);
    return isPaused ? 0 : (byType[type]?.pending ?? 0);
  }
}

/** Consumers are named `<type>-<priority>`, and no type has a hyphen. */
function typeOf(consumer: string): string | undefined {
  const [type] = consumer.split('-');
  return isJobType(type) ? type : undefined;
}

function sum(consumers: readonly ConsumerHealth[], count: (each: ConsumerHealth) => number): number {
  return consumers.reduce((total, each) => total + count(each), 0);
}
