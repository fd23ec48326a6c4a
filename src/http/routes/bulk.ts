import { z } from '@hono/zod-openapi';
import { defined } from '../../jobs/defined.js';
import { inParts } from '../../jobs/in-parts.js';
import type { JobStatus } from '../../jobs/vocabulary.js';
import type { JobFilter } from '../../queue/list/job-filter.js';
import { failureFilter, jobIdSchema, prioritySchema, statusSchema } from '../job-schemas.js';
import { problemOf } from '../problem.js';
import { addRoute, type Routes } from '../route.js';

const MAX_IDS = 1_000;
const MAX_JOBS = 10_000;
const PARALLEL = 16;
const PAGE = 200;

const filterSchema = z.strictObject({
  ...failureFilter,
  status: statusSchema.optional(),
  priority: prioritySchema.optional(),
  deadLetters: z.boolean().optional(),
});

const requestSchema = z
  .strictObject({
    ids: z.array(jobIdSchema).min(1).max(MAX_IDS).optional(),
    filter: filterSchema.optional(),
    limit: z.number().int().min(1).max(MAX_JOBS).optional(),
    reason: z.string().max(1_000).optional(),
  })
  .refine(({ ids, filter }) => (ids === undefined) !== (filter === undefined), 'needs either ids or filter')
  .openapi('BulkRequest');

const answerSchema = z
  .object({
    done: z.array(z.string()),
    failed: z.array(z.object({ id: z.string(), code: z.string(), detail: z.string() })),
    more: z.boolean().openapi({ description: 'Whether the limit left jobs out: ask again' }),
  })
  .openapi('BulkAnswer');

type Change = (id: string, reason: string | undefined) => Promise<unknown>;

export function bulkRoutes(routes: Routes): void {
  const { queue } = routes;
  const add = (path: string, summary: string, statuses: JobStatus[], change: Change) =>
    addRoute(routes, {
      method: 'post',
      path,
      tag: 'Jobs',
      summary,
      role: 'operator',
      body: { schema: requestSchema, maxBytes: 256 * 1_024 },
      answers: { 200: { description: 'What became of each', schema: answerSchema } },
      handle: async ({ c, body: { ids, filter = {}, limit = MAX_IDS, reason } }) => {
        const found = ids
          ? { ids: [...new Set(ids)], more: false }
          : await findJobs(queue, defined(filter), statuses, limit);
        const changed = await changeAll(found.ids, (id) => change(id, reason));
        return c.json({ ...changed, more: found.more });
      },
    });
  add('/api/v1/jobs/cancel', 'End many jobs', ['pending', 'processing'], (id, reason) =>
    queue.cancel(id, reason),
  );
  add('/api/v1/jobs/retry', 'Run many failed jobs again', ['failed'], (id) => queue.retry(id));
}

/** The jobs are found before the first is changed: a changed job would move through the listing. */
async function findJobs(
  queue: Routes['queue'],
  filter: Omit<JobFilter, 'limit' | 'cursor'>,
  statuses: JobStatus[],
  limit: number,
): Promise<{ ids: string[]; more: boolean }> {
  const ids = new Set<string>();
  for (const status of statuses) {
    if (filter.status && filter.status !== status) continue;
    for (let cursor: string | undefined, isFirst = true; isFirst || cursor; isFirst = false) {
      const page = await queue.getJobs(
        defined({ ...filter, status, order: 'oldest', limit: PAGE, cursor } as const),
      );
      for (const { id } of page.jobs) {
        if (ids.size === limit) return { ids: [...ids], more: true };
        ids.add(id);
      }
      cursor = page.cursor;
    }
  }
  return { ids: [...ids], more: false };
}

async function changeAll(ids: string[], change: (id: string) => Promise<unknown>) {
  const done: string[] = [];
  const failed: { id: string; code: string; detail: string }[] = [];
  const problems = await inParts(ids, PARALLEL, (id) => change(id).then(() => undefined, problemOf));
  for (const [index, id] of ids.entries()) {
    const problem = problems[index];
    if (problem) failed.push({ id, code: problem.code, detail: problem.detail });
    else done.push(id);
  }
  return { done, failed };
}
