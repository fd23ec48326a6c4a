import { z } from '@hono/zod-openapi';
import { defined } from '../../jobs/defined.js';
import { isJobId } from '../../jobs/job-id.js';
import type { JobFilter } from '../../queue/list/job-filter.js';
import { problemOf } from '../problem.js';
import { addRoute, type Routes } from '../route.js';
import { prioritySchema, statusSchema, timeSchema, typeSchema } from '../schemas/job.js';

const MAX_IDS = 1_000;
const MAX_JOBS = 10_000;
const PARALLEL = 16;
const PAGE = 200;

const filterSchema = z.strictObject({
  type: typeSchema.optional(),
  status: statusSchema.optional(),
  priority: prioritySchema.optional(),
  since: timeSchema.optional(),
  until: timeSchema.optional(),
});

const requestSchema = z
  .strictObject({
    ids: z
      .array(z.string().refine((id) => isJobId(id), 'must be a job id'))
      .min(1)
      .max(MAX_IDS)
      .optional(),
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

type BulkAnswer = z.infer<typeof answerSchema>;
type Change = (id: string, reason: string | undefined) => Promise<unknown>;

/** `/api/v1/jobs/cancel` and `/api/v1/jobs/retry`: many jobs at once. */
export function bulkRoutes(routes: Routes): void {
  const { queue } = routes;
  const add = (path: string, summary: string, statuses: JobFilter['status'][], change: Change) =>
    addRoute(
      routes,
      {
        method: 'post',
        path,
        tag: 'Jobs',
        summary,
        role: 'operator',
        body: { schema: requestSchema, maxBytes: 256 * 1_024 },
        answers: { 200: { description: 'What became of each', schema: answerSchema } },
      },
      async ({ c, body: { ids, filter = {}, limit = MAX_IDS, reason } }) => {
        const found = ids
          ? { ids: [...new Set(ids)], more: false }
          : await findJobs(queue, defined(filter), statuses, limit);
        return c.json(await changeAll(found, (id) => change(id, reason)));
      },
    );
  add('/api/v1/jobs/cancel', 'End many jobs', ['pending', 'processing'], (id, reason) =>
    queue.cancel(id, reason),
  );
  add('/api/v1/jobs/retry', 'Run many failed jobs again', ['failed'], (id) => queue.retry(id));
}

interface FoundJobs {
  ids: string[];
  more: boolean;
}

/** The jobs are found before the first is changed: a changed job would move through the listing. */
async function findJobs(
  queue: Routes['queue'],
  filter: Omit<JobFilter, 'limit' | 'cursor'>,
  statuses: JobFilter['status'][],
  limit: number,
): Promise<FoundJobs> {
  const ids = new Set<string>();
  for (const status of statuses) {
    if (filter.status && filter.status !== status) continue;
    for (let cursor: string | undefined, isFirst = true; isFirst || cursor; isFirst = false) {
      const page = await queue.getJobs({
        ...filter,
        ...(status && { status }),
        order: 'oldest',
        limit: PAGE,
        ...(cursor !== undefined && { cursor }),
      });
      for (const { id } of page.jobs) {
        if (ids.size === limit) return { ids: [...ids], more: true };
        ids.add(id);
      }
      cursor = page.cursor;
    }
  }
  return { ids: [...ids], more: false };
}

async function changeAll(
  { ids, more }: FoundJobs,
  change: (id: string) => Promise<unknown>,
): Promise<BulkAnswer> {
  const answer: BulkAnswer = { done: [], failed: [], more };
  for (let start = 0; start < ids.length; start += PARALLEL) {
    const outcomes = await Promise.all(
      ids.slice(start, start + PARALLEL).map(async (id) => {
        const problem = await change(id).then(() => undefined, problemOf);
        return { id, problem };
      }),
    );
    for (const { id, problem } of outcomes) {
      if (!problem) answer.done.push(id);
      else answer.failed.push({ id, code: problem.code, detail: problem.detail });
    }
  }
  return answer;
}
