import { createHash } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { defined } from '../../jobs/defined.js';
import { JetfleetError, ValidationError } from '../../jobs/errors.js';
import { isJobId } from '../../jobs/job-id.js';
import type { NewJob } from '../../jobs/job-options.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { maskSecrets } from '../../jobs/mask.js';
import { shownJob } from '../../jobs/shown-job.js';
import { JobPriority } from '../../jobs/vocabulary.js';
import { type AddedJob, isTaken } from '../../queue/job-add.js';
import { type JobVersion, noSuchJob } from '../../queue/job-lookup.js';
import type { JobQueueService } from '../../queue/job-queue-service.js';
import { sendWebhook } from '../../webhooks/jobs.js';
import {
  causeSchema,
  errorCodeSchema,
  idParams,
  jobBytes,
  jobIdSchema,
  jobRecordSchema,
  newJobSchema,
  PAGE_WITHIN_MS,
  pageQuery,
  prioritySchema,
  stateSchema,
  statusSchema,
  timeSchema,
  typeSchema,
  workerSchema,
} from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';

const KIB = 1024;
const MAX_BATCH_BYTES = 16 * KIB * KIB;
const MAX_BATCH = 1_000;
const tag = 'Jobs';

export function jobRoutes(routes: Routes): void {
  listRoute(routes);
  addRoutes(routes);
  oneJobRoutes(routes);
}

const addedSchema = z.object({
  id: z.string(),
  created: z.boolean().openapi({ description: 'False for a job that was there already' }),
  replaced: z.string().optional().openapi({ description: 'The job that was cancelled for it' }),
});

function listRoute(routes: Routes): void {
  const { queue } = routes;
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/jobs',
    tag,
    summary: 'A page of jobs; follow the cursor to the end',
    role: 'observer',
    query: z.object({
      type: typeSchema.optional(),
      status: statusSchema.optional(),
      state: stateSchema.optional(),
      priority: prioritySchema.optional(),
      id: jobIdSchema.optional().openapi({ description: 'An id, or the beginning of one' }),
      tag: z.string().max(1_000).optional().openapi({
        description: 'Only jobs that have all of these tags, parted by commas: tenant:acme,nightly',
      }),
      worker: workerSchema.optional(),
      errorCode: errorCodeSchema.optional().openapi({
        description: 'Only failed jobs whose error has this code',
      }),
      cause: causeSchema.optional(),
      deadLetters: z
        .stringbool()
        .optional()
        .openapi({ description: 'Only failed jobs that nobody has cancelled', type: 'boolean' }),
      since: timeSchema.optional().openapi({ description: 'Only jobs that changed then or later' }),
      until: timeSchema.optional().openapi({ description: 'Only jobs that changed then or earlier' }),
      ...pageQuery,
    }),
    answers: {
      200: {
        description: 'The jobs, and where the next page begins',
        schema: z.object({ jobs: z.array(jobRecordSchema), cursor: z.string().optional() }),
      },
    },
    handle: async ({ c, query }) => {
      const { tag: tags, ...filter } = query;
      const asked = defined({ ...filter, tags: tags?.split(',') });
      const { jobs, cursor } = await queue.getJobsWithin(asked, PAGE_WITHIN_MS);
      return c.json(defined({ jobs: jobs.map(shownJob), cursor }));
    },
  });
}

function addRoutes(routes: Routes): void {
  const { queue } = routes;
  const key = z.string().optional().openapi({
    description: 'The same key is the same job: repeat the request with it when the answer was lost',
  });
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/jobs',
    tag,
    audit: false,
    summary: 'Add a job',
    role: 'operator',
    headers: z.object({ 'idempotency-key': key }),
    body: { schema: newJobSchema, maxBytes: jobBytes(queue) },
    answers: {
      200: { description: 'Another job has its unique key, or waits for more calls', schema: addedSchema },
      201: { description: 'It is durable', schema: addedSchema },
    },
    handle: async ({ c, body }) => {
      const key = c.req.header('idempotency-key');
      const job = defined({ ...(key !== undefined && { id: idOfKey(key) }), ...defined(body) }) as NewJob;
      const { id, created, known, replaced } = await (key === undefined ? add : addByKey)(queue, job);
      const isKept = !created && (known === undefined || (known.unique && known.id !== job.id));
      if (key !== undefined && known && !isKept) c.header('idempotency-replayed', 'true');
      c.header('location', `/api/v1/jobs/${id}`);
      return c.json({ id, created, ...defined({ replaced }) }, isKept ? 200 : 201);
    },
  });
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/jobs/batch',
    tag,
    audit: false,
    summary: 'Add up to 1,000 jobs; all are checked before the first is sent',
    role: 'operator',
    body: {
      schema: z.strictObject({ jobs: z.array(newJobSchema).min(1).max(MAX_BATCH) }),
      maxBytes: Math.max(MAX_BATCH_BYTES, jobBytes(queue)),
    },
    answers: {
      201: {
        description: 'They are durable; the ids are in the order of the jobs',
        schema: z.object({ ids: z.array(z.string()) }),
      },
    },
    handle: async ({ c, body }) =>
      c.json({ ids: await queue.addJobs(body.jobs.map(defined) as NewJob[]) }, 201),
  });
}

function oneJobRoutes(routes: Routes): void {
  const { queue } = routes;
  const ofJob = { method: 'get', tag, role: 'observer', params: idParams } as const;
  addRoute(routes, {
    ...ofJob,
    path: '/api/v1/jobs/{id}',
    summary: 'One job, with its version as ETag',
    headers: z.object({ 'if-none-match': z.string().optional() }),
    answers: {
      200: { description: 'The job', schema: jobRecordSchema },
      304: { description: 'The caller has this version already' },
    },
    handle: async ({ c, params: { id } }) => {
      const version = await queue.getVersion(id);
      if (!version) throw noSuchJob(id);
      const etag = etagOf(version);
      c.header('etag', etag);
      c.header('cache-control', 'private, no-cache');
      return isKnown(c, etag) ? c.body(null, 304) : c.json(shownJob(version.job));
    },
  });
  for (const field of ['payload', 'result'] as const) {
    addRoute(routes, {
      ...ofJob,
      path: `/api/v1/jobs/{id}/${field}`,
      summary: `The whole ${field} of a job, also where its record refers to it`,
      answers: { 200: { description: 'Any JSON', schema: z.any() } },
      handle: async ({ c, params: { id } }) => {
        const value = await queue.load(id, field);
        if (value === undefined) throw new JetfleetError('JETFLEET_NOT_FOUND', `job ${id} has no ${field}`);
        return c.json(maskSecrets(value));
      },
    });
  }
  addRoute(routes, {
    ...ofJob,
    method: 'post',
    path: '/api/v1/jobs/{id}/reveal',
    summary: 'One job with its secrets; that they were looked at is written down first',
    role: 'admin',
    audit: 'before',
    answers: { 200: { description: 'The job as it is stored', schema: jobRecordSchema } },
    handle: async ({ c, params: { id } }) => {
      const job = await queue.getJob(id);
      if (!job) throw noSuchJob(id);
      return c.json(job);
    },
  });
  addRoute(routes, {
    ...ofJob,
    path: '/api/v1/jobs/{id}/history',
    summary: 'Every transition of a job that is kept, oldest first',
    answers: {
      200: {
        description:
          'The records; none of a job that no worker has touched. An implied one was not written: a new job that ends at once writes only how, and when it began',
        schema: z.object({
          records: z.array(
            z.object({
              seq: z.number().int(),
              record: jobRecordSchema,
              storedAt: z.string().optional().openapi({ description: 'When the server has stored it' }),
              implied: z.literal(true).optional(),
            }),
          ),
        }),
      },
    },
    handle: async ({ c, params: { id } }) => {
      const records = await queue.history(id);
      if (records.length === 0 && !(await queue.getJob(id))) throw noSuchJob(id);
      return c.json({ records: records.map((each) => ({ ...each, record: shownJob(each.record) })) });
    },
  });
  addRoute(routes, {
    ...ofJob,
    path: '/api/v1/jobs/{id}/related',
    summary: 'The job that it followed from, and those that followed from it',
    answers: {
      200: {
        description: 'Jobs whose records are still kept',
        schema: z.object({
          parent: jobRecordSchema.optional(),
          followUps: z.array(jobRecordSchema),
          webhooks: z.array(jobRecordSchema),
        }),
      },
    },
    handle: async ({ c, params: { id } }) => {
      const job = await queue.getJob(id);
      if (!job) throw noSuchJob(id);
      const ids = (job.next ?? []).map((next) => next.id);
      const [parent, ...next] = await Promise.all([
        job.parentId === undefined || !isJobId(job.parentId) ? undefined : queue.getJob(job.parentId),
        ...ids.filter((nextId) => isJobId(nextId)).map((nextId) => queue.getJob(nextId)),
      ]);
      const followed = next.filter((each) => each !== undefined).map(shownJob);
      return c.json({
        ...(parent && { parent: shownJob(parent) }),
        followUps: followed.filter(({ type }) => type !== sendWebhook.type),
        webhooks: followed.filter(({ type }) => type === sendWebhook.type),
      });
    },
  });
}

/** A job's version: the sequence of its last record, and its state, which alone tells a timer that has fired. */
function etagOf({ job, seq }: JobVersion): string {
  // What a running job reports changes without a record.
  const reported = job.state === 'running' && job.progressAt ? `-${Date.parse(job.progressAt)}` : '';
  return `"${seq}-${job.state}${reported}"`;
}

function isKnown(c: Context, etag: string): boolean {
  const known = c.req.header('if-none-match');
  if (known === undefined) return false;
  return known.split(',').some((each) => each.trim() === '*' || each.trim().replace(/^W\//, '') === etag);
}

const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * The id of the job that an `Idempotency-Key` stands for: the same key is the same job, in every process.
 * @throws ValidationError `JETFLEET_HTTP_INVALID`
 */
function idOfKey(key: string): string {
  if (!KEY.test(key)) {
    throw new ValidationError(
      'JETFLEET_HTTP_INVALID',
      'Idempotency-Key must be 1 to 255 printable ASCII characters without spaces',
    );
  }
  return `key-${createHash('sha256').update(key).digest('hex').slice(0, 40)}`;
}

function add(queue: JobQueueService, job: NewJob): Promise<AddedJob> {
  const { type, payload, priority = JobPriority.NORMAL, ...options } = job;
  return queue.addOrFind(type, payload, priority, options);
}

/**
 * Adds the job of a key, once: of many requests at the same time one adds it.
 * @param job with the id that the key stands for, or one of its own
 * @returns the job, with `known` when it was there already
 * @throws JetfleetError `JETFLEET_HTTP_KEY_REUSED` when the key stands for another job
 */
async function addByKey(queue: JobQueueService, job: NewJob): Promise<AddedJob> {
  const { id, priority = JobPriority.NORMAL } = job;
  try {
    const added = await add(queue, job);
    const { known } = added;
    if (known && known.id === id && !isAsAsked(known, { ...job, priority })) throw reused(job);
    return added;
  } catch (error) {
    throw isTaken(error) ? reused(job) : error;
  }
}

const ASKED = ['priority', 'maxAttempts', 'timeoutMs', 'expiresInMs', 'webhookUrl'] as const;

/** Options that are left out have defaults that may have changed since. */
function isAsAsked(known: JobRecord, wanted: Partial<Pick<JobRecord, (typeof ASKED)[number]>>): boolean {
  return ASKED.every((name) => wanted[name] === undefined || wanted[name] === known[name]);
}

function reused({ id }: NewJob): JetfleetError {
  return new JetfleetError(
    'JETFLEET_HTTP_KEY_REUSED',
    `the Idempotency-Key stands for job ${id} already, which is another one; use a new key for a new job`,
  );
}
