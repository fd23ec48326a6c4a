import { z } from '@hono/zod-openapi';
import { isCauseId } from '../jobs/cause.js';
import { isJobId } from '../jobs/job-id.js';
import {
  MAX_DELAY_MS,
  MAX_DERIVED_ID_LENGTH,
  MAX_ERROR_CODE_LENGTH,
  MAX_ID_LENGTH,
  MAX_MAX_ATTEMPTS,
  MAX_PAYLOAD_BYTES,
  MAX_TAG_LENGTH,
  MAX_TAGS,
  MAX_TIMEOUT_MS,
} from '../jobs/limits.js';
import { maskFault } from '../jobs/mask.js';
import { isTag } from '../jobs/tags.js';
import { ON_CONFLICT, UNIQUE_SCOPES } from '../jobs/unique-options.js';
import type { JobPriority, JobState, JobStatus } from '../jobs/vocabulary.js';
import { PRIORITIES, STATES, STATUSES } from '../jobs/vocabulary.js';
import type { JobQueueService } from '../queue/job-queue-service.js';

/** Of a body with a job. Escapes can make JSON longer than the payload that it stands for. */
export const MAX_JOB_BYTES = 2 * MAX_PAYLOAD_BYTES;

/** The same of a queue that keeps large payloads as objects. */
export function jobBytes({ maxObjectBytes }: JobQueueService): number {
  return MAX_JOB_BYTES + maxObjectBytes;
}

export const statusSchema = z.enum(STATUSES as [JobStatus, ...JobStatus[]]);
export const prioritySchema = z.enum(PRIORITIES as [JobPriority, ...JobPriority[]]);
export const stateSchema = z.enum(STATES as [JobState, ...JobState[]]);
export const typeSchema = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be snake_case: 1 to 64 of a-z 0-9 _, starting with a letter');
export const timeSchema = z.iso.datetime({ offset: true }).openapi({ example: '2026-01-01T00:00:00.000Z' });

export const jobIdSchema = z
  .string()
  .refine((id) => isJobId(id), `must be 1 to ${MAX_DERIVED_ID_LENGTH} of A-Z a-z 0-9 _ -`);

/** What a job is given: any JSON, with its secrets. */
export const dataSchema = z.any().superRefine(refuseMask);
/** What else an address must be, the queue says. */
export const webhookUrlSchema = z.string().superRefine(refuseMask);

export const tagSchema = z
  .string()
  .refine((tag) => isTag(tag), `must be 1 to ${MAX_TAG_LENGTH} of A-Z a-z 0-9 _ . : / @ + # = -`)
  .openapi({ example: 'tenant:acme' });

export const causeSchema = z
  .string()
  .refine((id) => isCauseId(id), 'must be the id of a cause: ten digits of 0-9 a-f')
  .openapi({ description: 'The id of a cause of dead letters', example: '3f9a2c71b0' });

export const errorCodeSchema = z.string().max(MAX_ERROR_CODE_LENGTH);

export const workerSchema = z
  .string()
  .min(1)
  .max(200)
  .openapi({ description: 'Only jobs that this worker runs, or ran last' });

/** What says which failed jobs are meant. */
export const failureFilter = {
  type: typeSchema.optional(),
  since: timeSchema.optional(),
  until: timeSchema.optional(),
  errorCode: errorCodeSchema.optional(),
  cause: causeSchema.optional(),
  tags: z.array(tagSchema).max(MAX_TAGS).optional(),
};

/** Whoever reads a page on a screen should not wait for it, however many jobs do not fit. */
export const PAGE_WITHIN_MS = 150;
export const pageQuery = {
  order: z.enum(['newest', 'oldest']).default('newest'),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  cursor: z.string().max(1_000).optional(),
};

export const idParams = z.object({
  id: jobIdSchema.openapi({ param: { name: 'id', in: 'path' }, example: 'order-42' }),
});

const problem = z.object({ path: z.string(), message: z.string() });

export const jobErrorSchema = z
  .object({
    code: z.string(),
    message: z.string(),
    retryable: z.boolean(),
    problems: z.array(problem).optional(),
    excerpt: z.string().optional(),
    retryAfterMs: z.number().optional(),
    details: z.record(z.string(), z.any()).optional(),
    stack: z.string().optional(),
  })
  .openapi('JobError');

const waitsForSchema = z.object({
  signals: z.array(z.object({ name: z.string(), after: z.number().int() })).optional(),
  groups: z
    .array(z.object({ id: z.string(), of: z.number().int(), failFast: z.literal(true).optional() }))
    .optional(),
});

export const jobRecordSchema = z
  .object({
    v: z.literal(1),
    id: z.string(),
    type: z.string(),
    priority: prioritySchema,
    status: statusSchema,
    state: stateSchema,
    payload: z.any(),
    attempt: z.number().int(),
    maxAttempts: z.number().int(),
    timeoutMs: z.number().optional(),
    expiresInMs: z.number().optional(),
    expiresAt: z.string().optional(),
    webhookUrl: z.string().optional(),
    tags: z.array(z.string()).optional(),
    createdAt: z.string(),
    updatedAt: z.string(),
    startedAt: z.string().optional(),
    finishedAt: z.string().optional(),
    nextRunAt: z.string().optional(),
    limited: z.object({ limit: z.string(), key: z.string(), since: z.string() }).optional(),
    change: z
      .object({
        what: z.enum(['promoted', 'rescheduled', 'priority']),
        at: z.string(),
        by: z.string().optional(),
      })
      .optional(),
    earlierPriorities: z.array(prioritySchema).optional(),
    schedule: z.string().optional(),
    scheduledBy: z.string().optional(),
    worker: z.string().optional(),
    workSeq: z.number().optional(),
    checkpoint: z.any().optional(),
    result: z.any().optional(),
    progress: z.any().optional(),
    progressAt: z.string().optional(),
    logLines: z.number().int().optional(),
    chunks: z.number().int().optional(),
    error: jobErrorSchema.optional(),
    next: z
      .array(
        z.object({
          type: z.string(),
          id: z.string(),
          payload: z.any(),
          priority: prioritySchema,
          maxAttempts: z.number().optional(),
          webhookUrl: z.string().optional(),
          tags: z.array(z.string()).optional(),
        }),
      )
      .optional(),
    parentId: z.string().optional(),
    unique: z.object({ key: z.string(), scope: z.enum(UNIQUE_SCOPES) }).optional(),
    redrives: z.number().optional(),
    failures: z
      .array(
        z.object({
          state: stateSchema,
          attempt: z.number(),
          finishedAt: z.string().optional(),
          code: z.string().optional(),
          message: z.string().optional(),
          edited: z.literal(true).optional(),
        }),
      )
      .optional(),
    traceparent: z.string().optional(),
    tracestate: z.string().optional(),
    awaited: z.string().optional(),
    waitsFor: waitsForSchema.optional(),
    waits: z.record(z.string(), z.string()).optional(),
    handlerVersion: z.number().int().optional(),
    machine: z.object({ id: z.string(), version: z.number() }),
  })
  .openapi('JobRecord');

export const newJobSchema = z
  .strictObject({
    type: typeSchema.openapi({ example: 'create_instance' }),
    payload: dataSchema
      .refine((value) => value !== undefined, 'is missing')
      .openapi({ description: 'Any JSON; the built-in types have schemas of their own' }),
    priority: prioritySchema.optional(),
    id: z.string().min(1).max(MAX_ID_LENGTH).optional(),
    delayMs: z.number().int().min(0).max(MAX_DELAY_MS).optional(),
    maxAttempts: z.number().int().min(1).max(MAX_MAX_ATTEMPTS).optional(),
    timeoutMs: z.number().int().min(1).max(MAX_TIMEOUT_MS).optional(),
    expiresInMs: z.number().int().min(1).max(MAX_DELAY_MS).optional(),
    webhookUrl: webhookUrlSchema.optional(),
    tags: z
      .array(tagSchema)
      .max(MAX_TAGS)
      .optional()
      .openapi({ description: 'By what the job is found again' }),
    unique: z
      .strictObject({
        key: z.string(),
        for: z.union([z.literal('active'), z.number().int()]).optional(),
        onConflict: z.enum(ON_CONFLICT).optional(),
      })
      .optional()
      .openapi({ description: 'One job of the type for each key: see docs/guides/unique.md' }),
    debounce: z
      .strictObject({ key: z.string(), delayMs: z.number().int(), maxDelayMs: z.number().int().optional() })
      .optional()
      .openapi({ description: 'One job for many requests, once no more come' }),
  })
  .openapi('NewJob');

function refuseMask(value: unknown, context: { addIssue(fault: string): void }): void {
  const fault = maskFault(value);
  if (fault !== undefined) context.addIssue(fault);
}
