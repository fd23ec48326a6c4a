import { z } from '@hono/zod-openapi';
import { defined } from '../../jobs/defined.js';
import { MAX_DELAY_MS } from '../../jobs/limits.js';
import { OVERLAPS, type ScheduleChange, type ScheduleOptions } from '../../jobs/schedule.js';
import { SHORT_NAME, SHORT_NAME_PATTERN } from '../../jobs/short-name.js';
import { withoutSecrets } from '../../jobs/shown-schedule.js';
import {
  dataSchema,
  jobErrorSchema,
  MAX_JOB_BYTES,
  newJobSchema,
  prioritySchema,
  stateSchema,
  timeSchema,
} from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';

const tag = 'Schedules';
const overlapSchema = z.enum(OVERLAPS);
const nameSchema = z.string().regex(SHORT_NAME_PATTERN, `must be ${SHORT_NAME}`);
const nameParams = z.object({
  name: nameSchema.openapi({ param: { name: 'name', in: 'path' }, example: 'nightly' }),
});

const scheduleSchema = z
  .object({
    name: z.string(),
    subject: z.string(),
    type: z.string(),
    priority: prioritySchema,
    payload: z.any(),
    maxAttempts: z.number().int().optional(),
    timeoutMs: z.number().optional(),
    webhookUrl: z.string().optional(),
    cron: z
      .string()
      .optional()
      .openapi({ description: 'Six fields, seconds first, or a name such as @daily' }),
    timeZone: z.string().optional(),
    everyMs: z.number().optional(),
    overlap: overlapSchema,
    jitterMs: z.number().optional(),
    until: z.string().optional(),
    pausedAt: z.string().optional().openapi({ description: 'Since when it is paused' }),
    changedAt: z.string(),
    nextRunAt: z.string().optional(),
    lastRun: z
      .object({
        id: z.string(),
        at: z.string(),
        state: stateSchema.optional(),
        error: jobErrorSchema.optional(),
      })
      .optional(),
    lastSkip: z.object({ at: z.string(), reason: z.string() }).optional(),
    runs: z.number().int(),
    skips: z.number().int(),
    fault: z.string().optional().openapi({ description: 'Why it does not do what it looks like' }),
  })
  .openapi('Schedule');

const { type, payload, priority, maxAttempts, timeoutMs, webhookUrl } = newJobSchema.shape;
const settings = {
  cron: z.string().max(200).optional().openapi({ description: 'Five fields, or six with seconds first' }),
  timeZone: z.string().max(100).optional(),
  everyMs: z.number().int().min(1_000).max(MAX_DELAY_MS).optional(),
  overlap: overlapSchema.optional(),
  jitterMs: z.number().int().min(0).optional(),
  until: timeSchema.optional(),
  priority,
  maxAttempts,
  timeoutMs,
  webhookUrl,
};
const newScheduleSchema = z
  .strictObject({ name: nameSchema.openapi({ example: 'nightly' }), type, payload, ...settings })
  .openapi('NewSchedule');

const changeSchema = z
  .strictObject({
    type: type.optional(),
    payload: dataSchema.optional().openapi({ description: 'In place of the whole payload' }),
    ...settings,
    timeZone: settings.timeZone.nullable(),
    jitterMs: settings.jitterMs.nullable(),
    until: settings.until.nullable(),
    maxAttempts: maxAttempts.nullable(),
    timeoutMs: timeoutMs.nullable(),
    webhookUrl: webhookUrl.nullable(),
  })
  .openapi('ScheduleChange');

/** `/api/v1/schedules`: the recurring jobs. */
export function scheduleRoutes(routes: Routes): void {
  readRoutes(routes);
  changeRoutes(routes);
}

function readRoutes(routes: Routes): void {
  const { queue } = routes;
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/schedules',
    tag,
    summary: 'All schedules, with their next and last runs',
    role: 'observer',
    answers: { 200: { description: 'By name', schema: z.object({ schedules: z.array(scheduleSchema) }) } },
    handle: async ({ c }) => c.json({ schedules: (await queue.schedules.list()).map(withoutSecrets) }),
  });
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/schedules/{name}',
    tag,
    summary: 'One schedule',
    role: 'observer',
    params: nameParams,
    answers: { 200: { description: 'The schedule', schema: scheduleSchema } },
    handle: async ({ c, params: { name } }) => c.json(withoutSecrets(await queue.schedules.get(name))),
  });
}

function changeRoutes(routes: Routes): void {
  const { queue } = routes;
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/schedules',
    tag,
    summary: 'Have a job run again and again; a schedule of the same name is changed',
    role: 'operator',
    body: { schema: newScheduleSchema, maxBytes: MAX_JOB_BYTES },
    answers: { 200: { description: 'The schedule as it is now', schema: scheduleSchema } },
    handle: async ({ c, body }) => {
      const { name, type, payload, ...options } = body;
      const schedule = await queue.schedule(name, type, payload, defined(options) as ScheduleOptions);
      return c.json(withoutSecrets(schedule));
    },
  });
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/schedules/{name}/update',
    tag,
    summary: 'Change what is given; null takes an option back',
    role: 'operator',
    params: nameParams,
    body: { schema: changeSchema, maxBytes: MAX_JOB_BYTES },
    answers: { 200: { description: 'The schedule as it is now', schema: scheduleSchema } },
    handle: async ({ c, params: { name }, body }) =>
      c.json(withoutSecrets(await queue.schedules.update(name, defined(body) as ScheduleChange))),
  });
  for (const verb of ['pause', 'resume'] as const) {
    addRoute(routes, {
      method: 'post',
      path: `/api/v1/schedules/{name}/${verb}`,
      tag,
      summary: verb === 'pause' ? 'Keep a schedule from firing' : 'Have a paused schedule fire again',
      role: 'operator',
      params: nameParams,
      answers: { 200: { description: 'The schedule as it is now', schema: scheduleSchema } },
      handle: async ({ c, params: { name } }) => c.json(withoutSecrets(await queue.schedules[verb](name))),
    });
  }
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/schedules/{name}/run',
    tag,
    summary: 'Run it once, now; refused while its last run goes on, unless overlap is allow or cancel',
    role: 'operator',
    params: nameParams,
    body: { schema: z.strictObject({ overlap: overlapSchema.optional() }).default({}), maxBytes: 1_024 },
    answers: { 202: { description: 'The job', schema: z.object({ id: z.string() }) } },
    handle: async ({ c, params: { name }, body }) => {
      const id = await queue.schedules.runNow(name, defined(body));
      c.header('location', `/api/v1/jobs/${id}`);
      return c.json({ id }, 202);
    },
  });
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/schedules/{name}/delete',
    tag,
    summary: 'Remove a schedule; jobs that it has started stay',
    role: 'operator',
    params: nameParams,
    answers: { 200: { description: 'It is gone', schema: z.object({ name: z.string() }) } },
    handle: async ({ c, params: { name } }) => {
      await queue.schedules.delete(name);
      return c.json({ name });
    },
  });
}
