import { z } from '@hono/zod-openapi';
import { defined } from '../../jobs/defined.js';
import { shownCauses } from '../../jobs/shown-causes.js';
import { noteChangedJobs } from '../audited.js';
import { CauseCounts } from '../cause-counts.js';
import { failureFilter } from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';

const filterSchema = z.strictObject(failureFilter).openapi('DeadLetterFilter');
const { tags: _, cause: __, ...causeFilter } = failureFilter;

const causesSchema = z
  .object({
    causes: z.array(
      z.object({
        id: z.string(),
        code: z.string(),
        message: z.string(),
        count: z.number().int(),
        types: z.array(z.string()),
        workers: z.array(z.string()),
        trend: z.array(z.number().int()).openapi({ description: 'Failures in each of 24 parts of a time' }),
        firstAt: z.string(),
        lastAt: z.string(),
        sample: z.object({ id: z.string(), message: z.string() }),
      }),
    ),
    trend: z.object({ since: z.string(), stepMs: z.number().int() }),
    at: z.string(),
    isCounting: z
      .boolean()
      .openapi({ description: 'Whether it is a part of a count that goes on: ask again' }),
    total: z.number().int(),
    others: z.number().int().openapi({ description: 'Dead letters of further causes' }),
  })
  .openapi('DeadLetterCauses');

const MAX_BYTES = 16 * 1_024;
const tag = 'Dead letters';

export function deadLetterRoutes(routes: Routes): void {
  const { queue } = routes;
  const counts = new CauseCounts(queue);
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/dead-letters/causes',
    tag,
    summary: 'Why jobs have failed, and how many for each reason',
    role: 'observer',
    query: z.object({
      ...causeFilter,
      tag: z.string().max(1_000).optional().openapi({ description: 'Tags, parted by commas' }),
    }),
    answers: { 200: { description: 'The most frequent one first', schema: causesSchema } },
    handle: async ({ c, query }) => {
      const { tag: tags, ...filter } = query;
      const asked = defined({ ...filter, tags: tags?.split(',') });
      return c.json(shownCauses(await counts.get(asked, JSON.stringify(query))));
    },
  });
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/dead-letters/retry',
    tag,
    summary: 'Run dead letters again, all at once or at a pace',
    role: 'operator',
    body: {
      schema: z.strictObject({
        filter: filterSchema.optional(),
        rate: z.number().min(0.001).max(10_000).optional().openapi({ description: 'Jobs a second' }),
      }),
      maxBytes: MAX_BYTES,
    },
    answers: { 200: { description: 'The jobs', schema: z.object({ ids: z.array(z.string()) }) } },
    handle: async ({ c, body: { filter = {}, rate } }) => {
      const ids = await queue.deadLetters.retry(defined(filter), defined({ rate }));
      noteChangedJobs(c, ids, 0);
      return c.json({ ids });
    },
  });
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/dead-letters/delete',
    tag,
    summary: 'Remove dead letters with all that is stored of them',
    role: 'admin',
    body: { schema: z.strictObject({ filter: filterSchema }), maxBytes: MAX_BYTES },
    answers: {
      200: { description: 'How many were removed', schema: z.object({ removed: z.number().int() }) },
    },
    handle: async ({ c, body: { filter } }) => {
      const removed = await queue.deadLetters.delete(defined(filter));
      c.set('changedJobs', { done: removed, failed: 0, ids: [] });
      return c.json({ removed });
    },
  });
}
