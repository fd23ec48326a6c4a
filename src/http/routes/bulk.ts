import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { defined } from '../../jobs/defined.js';
import { invalidOption } from '../../jobs/errors.js';
import { quoted } from '../../jobs/excerpt.js';
import { inParts } from '../../jobs/in-parts.js';
import type { JobState, JobStatus } from '../../jobs/vocabulary.js';
import type { JobFilter } from '../../queue/list/job-filter.js';
import type { ApiEnv } from '../access.js';
import { askerOf, noteChangedJobs } from '../audited.js';
import {
  failureFilter,
  jobIdSchema,
  prioritySchema,
  stateSchema,
  statusSchema,
  workerSchema,
} from '../job-schemas.js';
import { problemOf } from '../problem.js';
import { addRoute, type Routes } from '../route.js';
import type { Role } from '../tokens.js';

const MAX_IDS = 1_000;
const MAX_JOBS = 10_000;
const MAX_BYTES = 256 * 1_024;
const PARALLEL = 16;
const PAGE = 200;
const tag = 'Jobs';

const filterSchema = z.strictObject({
  ...failureFilter,
  status: statusSchema.optional(),
  priority: prioritySchema.optional(),
  state: stateSchema.optional(),
  id: jobIdSchema.optional().openapi({ description: 'An id, or the beginning of one' }),
  deadLetters: z.boolean().optional(),
  worker: workerSchema.optional(),
});

/** What of a filter or of ids a request is about. */
const which = {
  ids: z.array(jobIdSchema).min(1).max(MAX_IDS).optional(),
  filter: filterSchema.optional(),
  limit: z.number().int().min(1).max(MAX_JOBS).optional(),
};

interface Which {
  ids?: string[] | undefined;
  filter?: z.output<typeof filterSchema> | undefined;
  limit?: number | undefined;
}

const answerSchema = z
  .object({
    done: z.array(z.string()),
    failed: z.array(z.object({ id: z.string(), code: z.string(), detail: z.string() })),
    more: z.boolean().openapi({ description: 'Whether the limit left jobs out: ask again' }),
  })
  .openapi('BulkAnswer');

interface Failed {
  id: string;
  code: string;
  detail: string;
}

interface Changed {
  done: string[];
  failed: Failed[];
}

interface Action<S extends z.ZodRawShape> {
  name: string;
  summary: string;
  role: Role;
  /** Which jobs it can be done with: those of these statuses, or states. */
  on: readonly (JobStatus | JobState)[];
  /** What it takes beside the jobs. */
  more: S;
  /** @param start how many jobs of the request come before these */
  change(ids: string[], body: z.output<z.ZodObject<S>>, c: Context<ApiEnv>, start: number): Promise<Changed>;
}

const ACTIONS = {
  cancel: ['pending', 'processing'],
  retry: ['failed'],
  promote: ['scheduled', 'retrying', 'waiting'],
  priority: ['pending'],
  delete: ['completed', 'failed'],
} as const satisfies Record<string, readonly (JobStatus | JobState)[]>;
type ActionName = keyof typeof ACTIONS;

export function bulkRoutes(routes: Routes): void {
  const { queue } = routes;
  addAction(routes, {
    name: 'cancel',
    summary: 'End many jobs',
    role: 'operator',
    on: ACTIONS.cancel,
    more: { reason: z.string().max(1_000).optional() },
    change: (ids, { reason }) => changeEach(ids, (id) => queue.cancel(id, reason)),
  });
  addAction(routes, {
    name: 'retry',
    summary: 'Run many failed jobs again, at a pace where one is given',
    role: 'operator',
    on: ACTIONS.retry,
    more: {
      rate: z.number().min(0.001).max(10_000).optional().openapi({
        description: 'Jobs a second; the broker keeps the pace',
      }),
      first: z.number().int().min(0).max(10_000_000).optional().openapi({
        description: 'How many of the same pace were asked for before',
      }),
    },
    change: (ids, { rate, first = 0 }, _, start) =>
      changeEach(ids, (id, index) =>
        queue.retry(
          id,
          rate === undefined ? {} : { delayMs: Math.floor(((first + start + index) * 1_000) / rate) },
        ),
      ),
  });
  addAction(routes, {
    name: 'promote',
    summary: 'Run many scheduled, retrying or sleeping jobs now',
    role: 'operator',
    on: ACTIONS.promote,
    more: {},
    change: (ids, _, c) => changeEach(ids, (id) => queue.promote(id, { by: askerOf(c, undefined) })),
  });
  addAction(routes, {
    name: 'priority',
    summary: 'Change the priority of many jobs that wait',
    role: 'operator',
    on: ACTIONS.priority,
    more: { priority: prioritySchema },
    change: (ids, { priority }, c) =>
      changeEach(ids, (id) => queue.setPriority(id, priority, { by: askerOf(c, undefined) })),
  });
  addAction(routes, {
    name: 'delete',
    summary: 'Remove many jobs that have ended, with all that is stored of them',
    role: 'admin',
    on: ACTIONS.delete,
    more: {},
    change: async (ids) => {
      const { deleted, kept } = await queue.deleteJobs(ids);
      return { done: deleted, failed: kept.map(({ id, error }) => failedBy(id, error)) };
    },
  });
  findRoute(routes);
}

function addAction<S extends z.ZodRawShape>(routes: Routes, action: Action<S>): void {
  const { name, summary, role, on, more, change } = action;
  const schema = z
    .strictObject({ ...which, ...more })
    .refine((body) => {
      const { ids, filter } = body as Which;
      return (ids === undefined) !== (filter === undefined);
    }, 'needs either ids or filter')
    .openapi(`${name.charAt(0).toUpperCase()}${name.slice(1)}Request`);
  addRoute(routes, {
    method: 'post',
    path: `/api/v1/jobs/${name}`,
    tag,
    summary,
    role,
    body: { schema, maxBytes: MAX_BYTES },
    answers: { 200: { description: 'What became of each', schema: answerSchema } },
    handle: async ({ c, body }) => {
      const { ids, filter = {}, limit = MAX_IDS } = body as Which;
      const found = ids
        ? { ids: [...new Set(ids)], more: false }
        : await findJobs(routes.queue, defined(filter), on, limit);
      const changed: Changed = { done: [], failed: [] };
      for (let start = 0; start < found.ids.length; start += MAX_IDS) {
        const part = found.ids.slice(start, start + MAX_IDS);
        const { done, failed } = await change(part, body as z.output<z.ZodObject<S>>, c, start);
        changed.done.push(...done);
        changed.failed.push(...failed);
        // Also where a later part breaks.
        noteChangedJobs(c, changed.done, changed.failed.length);
      }
      if (found.ids.length === 0) noteChangedJobs(c, [], 0);
      return c.json({ ...changed, more: found.more });
    },
  });
}

const NAMES = Object.keys(ACTIONS) as [ActionName, ...ActionName[]];
/** `1.n0.512.e`: the second of the statuses of an action, and the cursor there. */
const CURSOR = /^(\d)\.(.*)$/;

/** Whoever changes many jobs asks for their ids first, so that they are counted and no other is changed. */
function findRoute(routes: Routes): void {
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/jobs/find',
    tag,
    summary: 'The ids of jobs that an action can be done with, page by page',
    role: 'operator',
    audit: false,
    body: {
      schema: z.strictObject({
        action: z.enum(NAMES),
        filter: filterSchema,
        cursor: z.string().max(1_000).regex(CURSOR, 'is not of this list').optional(),
      }),
      maxBytes: MAX_BYTES,
    },
    answers: {
      200: {
        description:
          'Ids, of which a job that moves meanwhile may be on two pages; follow the cursor to the end',
        schema: z.object({ ids: z.array(z.string()), cursor: z.string().optional() }),
      },
    },
    handle: async ({ c, body: { action, filter, cursor = '' } }) => {
      const parts = partsOf(defined(filter), ACTIONS[action]);
      const [, index = '0', inside = ''] = CURSOR.exec(cursor) ?? [];
      const part = parts[Number(index)];
      if (!part && cursor !== '') throw invalidOption(`cursor ${quoted(cursor)} is not of this list`);
      if (!part) return c.json({ ids: [] });
      const page = await routes.queue.getJobs({ ...part, limit: MAX_IDS, ...(inside && { cursor: inside }) });
      const ids = page.jobs.map(({ id }) => id);
      const hasNext = Number(index) + 1 < parts.length;
      const next = page.cursor ? `${index}.${page.cursor}` : hasNext ? `${Number(index) + 1}.` : undefined;
      return c.json(defined({ ids, cursor: next }));
    },
  });
}

type Part = Omit<JobFilter, 'limit' | 'cursor'>;

/** A list for each status or state, as far as the filter allows it. */
function partsOf(filter: Part, on: readonly (JobStatus | JobState)[]): Part[] {
  return on.flatMap((each): Part[] => {
    const own: Part = isStatus(each) ? { status: each } : { state: each as JobState };
    const isOther = (name: 'status' | 'state') =>
      own[name] !== undefined && filter[name] !== undefined && filter[name] !== own[name];
    if (isOther('status') || isOther('state')) return [];
    return [{ ...filter, ...own, order: 'oldest' }];
  });
}

function isStatus(word: JobStatus | JobState): word is JobStatus {
  return statusSchema.safeParse(word).success;
}

/** The jobs are found before the first is changed: a changed job would move through the listing. */
async function findJobs(
  queue: Routes['queue'],
  filter: Part,
  on: readonly (JobStatus | JobState)[],
  limit: number,
): Promise<{ ids: string[]; more: boolean }> {
  const ids = new Set<string>();
  for (const part of partsOf(filter, on)) {
    for (let cursor: string | undefined, isFirst = true; isFirst || cursor; isFirst = false) {
      const page = await queue.getJobs({ ...part, limit: PAGE, ...(cursor !== undefined && { cursor }) });
      for (const { id } of page.jobs) {
        if (ids.size === limit) return { ids: [...ids], more: true };
        ids.add(id);
      }
      cursor = page.cursor;
    }
  }
  return { ids: [...ids], more: false };
}

async function changeEach(
  ids: string[],
  change: (id: string, index: number) => Promise<unknown>,
): Promise<Changed> {
  const indexed = ids.map((id, index) => ({ id, index }));
  const outcomes = await inParts(indexed, PARALLEL, ({ id, index }) =>
    change(id, index).then(
      () => undefined,
      (error: unknown) => failedBy(id, error),
    ),
  );
  const failed = outcomes.filter((each) => each !== undefined);
  return { done: ids.filter((_, index) => outcomes[index] === undefined), failed };
}

function failedBy(id: string, error: unknown): Failed {
  const { code, detail } = problemOf(error);
  return { id, code, detail };
}
